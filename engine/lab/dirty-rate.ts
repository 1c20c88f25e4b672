/** How fast a running guest changes its RAM, and how much of it: measured in steps with its host's dirty log. */
import type { DirtyRateView, SavingsSample, WorkingSetPoint } from '../contract/prediction.ts'
import type { PageSet } from '../machine/machine.ts'
import { isCompression, type Saving } from '../migration/saving/savings.ts'
import { sleep, nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'
import { zeroPagesOf } from './guest-pages.ts'
import type { Lab } from './lab.ts'
import { SavingsSampler } from './savings-sample.ts'

/** Steps of a measurement: fine enough for a curve, coarse enough that their ends do not matter. */
const STEPS = 10
/** Windows of the working set, in steps; each divides `STEPS` or nearly so. */
const WINDOWS = [1, 2, 5, STEPS]

/** What a guest is like, for predictions. */
export interface Measured {
  readonly rate: DirtyRateView
  readonly savings: SavingsSample
}

/**
 * @param duration_ms 100–5000; how long it took is in the answer
 * @throws FerryError `guest.unknown`, `guest.busy`, `guest.migrating`, `guest.not-running`, `machine.*`
 */
export async function measureDirtyRate(lab: Lab, idOrName: string, duration_ms: number): Promise<DirtyRateView> {
  return (await measureGuest(lab, idOrName, duration_ms, [])).rate
}

/**
 * The same, and what savings would make of its pages.
 * @param savings those that are to be tried, the preferred ones first
 */
export function measureGuest(
  lab: Lab,
  idOrName: string,
  duration_ms: number,
  savings: readonly Saving[],
): Promise<Measured> {
  return lab.hold(idOrName, 'measured', async (guest) => {
    const { machine } = guest.residence
    if (guest.state !== 'running') {
      const message = `The guest ${guest.identity.name} is ${guest.state}; only a running guest changes its memory.`
      throw new FerryError('guest.not-running', message, { guest: guest.identity.id, state: guest.state })
    }
    const steps: Uint32Array[] = []
    const sampler = new SavingsSampler(machine, savings.find(isCompression) ?? null, savings.includes('delta'))
    await machine.dirtyLogStart()
    const startMs = nowMs()
    try {
      for (let step = 1; step <= STEPS; step++) {
        await sleep(Math.max(0, startMs + (duration_ms * step) / STEPS - nowMs()))
        const changed = ramPages(await machine.dirtyLogFetch(true))
        steps.push(changed)
        await sampler.stepEnded(changed)
      }
    } finally {
      await machine.dirtyLogStop()
    }
    const took_ms = nowMs() - startMs
    const ram_pages = guest.ramBytes / PAGE_SIZE
    const zero = await zeroPagesOf(machine, ram_pages)
    const zero_pages = zero.reduce((sum, is) => sum + is, 0)
    const rate: DirtyRateView = {
      guest: guest.identity.name,
      workload: guest.workload,
      duration_ms: took_ms,
      ...rates(steps, took_ms),
      ram_pages,
      zero_pages,
      nonzero_pages: ram_pages - zero_pages,
    }
    return { rate, savings: await sampler.sample(zero) }
  })
}

const ramPages = (sets: readonly PageSet[]): Uint32Array =>
  sets.find(({ block }) => block === BLOCK.ram)?.pages ?? new Uint32Array(0)

/**
 * From the pages that changed in each of several equally long steps to rate and working set.
 * @param steps at least one
 * @param duration_ms of all steps together
 */
export function rates(
  steps: readonly Uint32Array[],
  duration_ms: number,
): Pick<DirtyRateView, 'pages_per_s' | 'step_ms' | 'working_set'> {
  const step_ms = duration_ms / steps.length
  const changes = steps.reduce((sum, pages) => sum + pages.length, 0)
  const windows = WINDOWS.filter((window) => window <= steps.length)
  return {
    pages_per_s: duration_ms > 0 ? (changes / duration_ms) * 1000 : 0,
    step_ms,
    working_set: windows.map((window) => ({ window_ms: window * step_ms, pages: distinctPages(steps, window) })),
  }
}

/** Distinct pages in a window of so many steps, the mean over windows that do not overlap. */
function distinctPages(steps: readonly Uint32Array[], window: number): WorkingSetPoint['pages'] {
  const counts: number[] = []
  for (let from = 0; from + window <= steps.length; from += window) {
    counts.push(new Set(steps.slice(from, from + window).flatMap((pages) => [...pages])).size)
  }
  return counts.reduce((sum, count) => sum + count, 0) / counts.length
}
