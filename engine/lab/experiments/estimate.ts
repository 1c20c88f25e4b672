/**
 * How long trials take. Before the first one: from the computer's stored runs of the same kind, else from what migrations
 * are calibrated by. While an experiment runs: medians of the trials that have ended, by condition. Pure.
 */
import type { Condition } from '../../contract/experiment-plan.ts'
import type { Calibration } from '../../contract/prediction.ts'
import type { RunReport } from '../../contract/report.ts'
import { parseLink } from '../../migration/link.ts'
import { median } from '../export/statistics.ts'
import type { Trial } from './expand.ts'

const MIB = 2 ** 20
/** From nothing to the prompt, measured on two shared cores; a saved state is faster, a first build of it much slower. */
const START_MS = { labos: 900, other: 3500 } as const
/** The client's look at the guest before and after (`runs.ts`), its check, and the end of the guest. */
const AROUND_MS = 700
/** Connection, negotiation, commit: how often a migration waits for a message to go there and back, about. */
const EXCHANGES = 6

/** What estimates are made from. */
export interface Known {
  readonly calibration: Calibration
  readonly runs: readonly RunReport[]
  /** Images' default RAM by name, MB. */
  readonly defaultMb: ReadonlyMap<string, number>
  readonly settle_ms: number
}

/** A trial of this condition, before any was made. */
export function priorMs(made: Condition, known: Known): number {
  const ram_B = (made.ram_MB ?? known.defaultMb.get(made.guest) ?? 128) * MIB
  const alike = known.runs.filter(
    (run) =>
      run.outcome === 'completed' &&
      run.guest === made.guest &&
      run.algorithm === made.algorithm &&
      run.link === made.link &&
      run.ram_B === ram_B,
  )
  const start = made.guest === 'labos' ? START_MS.labos : START_MS.other
  const move = median(alike.map(({ total_ms }) => total_ms)) ?? moveMs(made, ram_B, known.calibration)
  return start + known.settle_ms + AROUND_MS + move
}

/** All of RAM once over the slower of link and hosts. Pages of zeros do not travel: more likely too long than too short. */
function moveMs({ link }: Condition, ram_B: number, { host_Bps, setup_ms }: Calibration): number {
  const { forward_bps, latency_ms } = parseLink(link)
  const rate_Bps = Math.min(host_Bps, forward_bps === null ? Infinity : forward_bps / 8)
  return setup_ms + EXCHANGES * latency_ms + (1000 * ram_B) / rate_Bps
}

/** A trial that has ended. */
export interface Timed {
  readonly condition: number
  readonly duration_ms: number
}

/**
 * What the trials that are left will take. A condition of which some have ended takes their median; another one its
 * prior, made longer or shorter as those of the others turned out.
 * @param priors by condition, ms
 */
export function remainingMs(
  left: readonly Pick<Trial, 'condition'>[],
  ended: readonly Timed[],
  priors: readonly number[],
): number {
  const times = new Map<number, number[]>()
  for (const { condition, duration_ms } of ended) {
    const held = times.get(condition)
    if (held === undefined) times.set(condition, [duration_ms])
    else held.push(duration_ms)
  }
  const medians = new Map([...times].map(([condition, held]) => [condition, median(held) ?? 0]))
  const ratios = [...medians].flatMap(([condition, ms]) => {
    const prior = priors[condition] ?? 0
    return prior > 0 ? [ms / prior] : []
  })
  const factor = median(ratios) ?? 1
  return left.reduce((sum, { condition }) => sum + (medians.get(condition) ?? (priors[condition] ?? 0) * factor), 0)
}
