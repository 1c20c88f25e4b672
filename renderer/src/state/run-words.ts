/** What is said of a migration under way, and where its guest is drawn: the same in the window and in a video. Pure. */
import { STAGE_NAMES } from '../../../engine/contract/report.ts'
import type { LiveFigures } from './run-figures.ts'
import { pullingText } from './units.ts'

/** What they need to know of a run. */
export interface Crosses {
  readonly from: { readonly name: string }
  readonly to: { readonly name: string }
  readonly figures: Pick<LiveFigures, 'stage' | 'pull' | 'round'>
  readonly running: boolean
}

export interface CrossingLook {
  /** Where the guest is between left (0) and right (1). */
  readonly place: number
  readonly rightwards: boolean
  /** Its ends have to be named: both are on the right. */
  readonly named: boolean
  /** Pages cross. */
  readonly flowing: boolean
  /** No vCPU of it runs. */
  readonly still: boolean
  readonly words: string
}

/**
 * Where the guest is: its vCPU runs on the source until the switch-over, while copies of its pages flow across; it stands
 * still in stages 3 and 4; then it runs on the target.
 * @param left name of the host on the left
 */
export function crossingLook(run: Crosses | null, left: string): CrossingLook {
  const stage = run?.figures.stage ?? 0
  const pull = run?.running === true ? run.figures.pull : null
  const rightwards = run?.to.name !== left
  const way = stage < 3 ? 0 : stage < 5 && pull === null ? 0.5 : 1
  return {
    place: rightwards ? way : 1 - way,
    rightwards,
    named: run !== null && run.from.name !== left && run.to.name !== left,
    flowing: run !== null && (stage === 2 || stage === 3 || pull?.state === 'pulling'),
    still: stage === 3 || (stage === 4 && pull === null) || pull?.state === 'paused',
    words: crossingWords(run),
  }
}

function crossingWords(run: Crosses | null): string {
  if (run === null) return 'Nobody crosses'
  const { stage } = run.figures
  const pull = run.running ? run.figures.pull : null
  if (stage < 2) return `${run.from.name} asks ${run.to.name}`
  if (stage === 2) return `runs on ${run.from.name}; pages cross`
  if (pull?.state === 'paused') return `waits at ${run.to.name}: the connection is cut`
  if (pull !== null) return `runs on ${run.to.name}; its pages follow`
  return stage < 5 ? 'stands still; the rest crosses' : `runs on ${run.to.name}`
}

/** What is being done now, in a sentence. @param check whether the guest is asked to check its memory */
export function phaseWords({ figures: { stage, round, pull }, from }: Crosses, check: boolean): string {
  if (pull !== null) return pullingText(pull, from.name)
  if (stage < 2) return 'Asking the target, reserving memory'
  if (stage === 2) return round === 0 ? 'First round: all pages' : `Round ${round}: what got dirty`
  if (stage === 3) return 'Standing still: the last pages, vCPU and devices'
  if (stage === 4) return 'The target takes over'
  return check
    ? 'It runs there. The client looks a little longer, and the guest checks its memory.'
    : 'It runs there. The client looks a little longer.'
}

export interface Step {
  readonly number: number
  readonly name: string
  readonly state: 'ahead' | 'now' | 'done' | 'failed'
  readonly duration_ms: number | null
}

/**
 * Stages 0–5, and how each stands.
 * @param current null: it is over
 * @param failed it did not end as it should
 */
export function stepsOf(stages: LiveFigures['stages'], current: number | null, failed: boolean): readonly Step[] {
  return STAGE_NAMES.map((name, number) => {
    const stage = stages.find((candidate) => candidate.number === number)
    const last = stages.at(-1)?.number === number
    return { name, number, state: stateOf(), duration_ms: stage?.duration_ms ?? null }

    function stateOf(): Step['state'] {
      if (number === current) return 'now'
      // A window that opened in the middle of a run has not seen its first stages.
      if (stage === undefined) return current !== null && number < current ? 'done' : 'ahead'
      return failed && last && current === null ? 'failed' : 'done'
    }
  })
}

/** What stands beside a step: how long it took, or how it stands. @param ms a duration in words */
export function stepTime({ state, duration_ms }: Step, ms: (value: number) => string): string {
  if (state === 'now') return 'now'
  if (state === 'failed') return duration_ms === null ? 'ended here' : `ended after ${ms(duration_ms)}`
  return duration_ms === null ? '' : ms(duration_ms)
}
