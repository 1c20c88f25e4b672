/**
 * What a migration would cost, before it starts. The rounds are those that the algorithm's own policy would send, had
 * they gone as the measured working set, the link and this computer let expect; so an algorithm that comes to the pool
 * is predicted by its mechanism and policy, with no entry here.
 *
 * Left out: memory of devices (mostly zeros), reads of the guest (only what it changes is measured), pages skipped.
 */
import type { Calibration, Prediction, WorkingSetPoint } from '../../contract/prediction.ts'
import type { RoundFacts } from './policy.ts'
import type { Algorithm, PolicyOptions } from './pool.ts'
import { type Load, type Moment, PAGE_B, type PredictedSavings, Travel } from './travel.ts'
import { type WorkingSet, workingSetOf } from './working-set.ts'

export interface PredictionInputs {
  readonly ramPages: number
  /** Of these, pages that hold more than zeros. */
  readonly nonzeroPages: number
  readonly workingSet: readonly WorkingSetPoint[]
  /** Of the link from source to target; null = no limit but the hosts'. */
  readonly bandwidth_bps: number | null
  /** One way; the mean of its jitter included. */
  readonly latency_ms: number
  readonly calibration: Calibration
  readonly savings: PredictedSavings
  readonly policy: PolicyOptions
  /** How long a single pass watches which pages are written, before it sends the others, ms. */
  readonly watchMs: number
}

/** CPU and devices in the common format, about. */
const STATE_B = 20_000
/** Ways on the link while the guest stands still: pages and state, READY, COMMIT. */
const STOPPED_WAYS = 3
/** Further ways, of the whole: request, reservation and three rehearsals, there and back, and RUNNING. */
const OTHER_WAYS = 11
/** State travels in each rehearsal, and at the stop. */
const STATES_SENT = 4
/** Of the pages that the guest wants after the switch-over, those that background push has not brought yet: half. */
const NOT_THERE = 0.5
/** Whatever a policy says. */
const MOST_ROUNDS = 1000

interface Course {
  readonly rounds: readonly RoundFacts[]
  readonly left: Load
  readonly reason: string
  readonly throttledMs: number
}

class Model {
  readonly #inputs: PredictionInputs
  readonly changed: WorkingSet
  readonly travel: Travel

  constructor(inputs: PredictionInputs) {
    this.#inputs = inputs
    this.travel = new Travel(inputs)
    this.changed = workingSetOf(inputs.workingSet, inputs.ramPages)
  }

  /** What crosses while the guest runs, and what is left for later. */
  course(algorithm: Algorithm): Course {
    return algorithm.mechanism.once ? this.#coldPages() : this.#rounds(algorithm)
  }

  /**
   * A single pass: cold pages until the guest writes one that has crossed. It comes to new pages at the rate at which
   * its working set grows after the time it was watched for; of the cold ones a growing share has crossed, half of it on
   * average: the first such write is expected after √(2 × time for all cold pages ÷ that rate).
   */
  #coldPages(): Course {
    const { ramPages, nonzeroPages, watchMs } = this.#inputs
    const hot = Math.min(this.changed(watchMs), nonzeroPages)
    const cold: Load = { full: nonzeroPages - hot, zero: ramPages - nonzeroPages }
    const allMs = this.travel.timeMs(cold, 'running')
    const newPerMs = this.changed(watchMs + 1) - this.changed(watchMs)
    const durationMs = newPerMs > 0 ? Math.min(allMs, Math.sqrt((2 * allMs) / newPerMs)) : allMs
    const share = allMs > 0 ? durationMs / allMs : 1
    const sent: Load = { full: cold.full * share, zero: cold.zero * share }
    const left: Load = { full: nonzeroPages - sent.full, zero: cold.zero - sent.zero }
    const round = {
      pagesSent: Math.round(sent.full + sent.zero),
      dirtyPages: Math.round(hot),
      durationMs: watchMs + durationMs,
      bytesSent: this.travel.bytes(sent, 'running'),
    }
    const reason = `Pages that the guest has not written for ${watchMs} ms cross; at its first write to one it switches over.`
    return { rounds: [round], left, reason, throttledMs: 0 }
  }

  /** The rounds that the policy sends, and what it leaves. */
  #rounds(algorithm: Algorithm): Course {
    const { ramPages, nonzeroPages, latency_ms, calibration, policy: options } = this.#inputs
    const policy = algorithm.policy(options)
    const rounds: RoundFacts[] = []
    let left: Load = { full: nonzeroPages, zero: ramPages - nonzeroPages }
    let throttle = 0
    let throttledMs = 0
    let pagesSent = 0
    let elapsedMs = calibration.setup_ms
    for (;;) {
      const remainingPages = Math.round(left.full + left.zero)
      const decision = policy({
        pagesTotal: ramPages,
        remainingPages,
        pagesSent,
        rounds,
        expectedDowntimeMs: calibration.fixed_ms + this.travel.timeMs(left, 'held'),
        elapsedMs,
      })
      if (decision.action !== 'continue' || rounds.length >= MOST_ROUNDS) {
        return { rounds, left, reason: decision.reason, throttledMs }
      }
      if (!algorithm.mechanism.rounds) {
        // The one round is of the memory of devices.
        rounds.push({ pagesSent: 0, dirtyPages: remainingPages, durationMs: 0, bytesSent: 0 })
        continue
      }
      throttle = decision.throttle ?? throttle
      const durationMs = this.travel.timeMs(left, 'running', decision.rate_bps ?? null) + 2 * latency_ms
      const dirtyPages = this.changed(durationMs * (1 - throttle))
      throttledMs += durationMs * throttle
      pagesSent += remainingPages
      elapsedMs += durationMs
      const bytesSent = this.travel.bytes(left, 'running')
      rounds.push({ pagesSent: remainingPages, dirtyPages, durationMs, bytesSent, throttle })
      left = { full: dirtyPages, zero: 0, again: true }
    }
  }
}

/** What the algorithm would cost. `misses` is empty: no target is known here. */
export function predict(algorithm: Algorithm, inputs: PredictionInputs): Prediction {
  const { latency_ms, calibration, ramPages } = inputs
  const model = new Model(inputs)
  const { travel } = model
  const { rounds, left, reason, throttledMs } = model.course(algorithm)
  const { pull } = algorithm.mechanism
  const moment = momentOf(algorithm)
  const leftMs = travel.timeMs(left, moment)
  const bitmapMs = ramPages / 8 / travel.linkBpms
  const stoppedMs = pull ? bitmapMs : leftMs
  const downtime_ms = calibration.fixed_ms + stoppedMs + STOPPED_WAYS * latency_ms
  const roundsMs = rounds.reduce((sum, { durationMs }) => sum + durationMs, 0)
  const pulledMs = pull ? leftMs : 0
  const total_ms = calibration.setup_ms + OTHER_WAYS * latency_ms + roundsMs + downtime_ms + pulledMs
  const pageBytes = rounds.reduce((sum, { bytesSent }) => sum + bytesSent, 0) + travel.bytes(left, moment)
  const faults = pull ? NOT_THERE * Math.min(left.full, model.changed(leftMs)) : 0
  const faultMs = calibration.fault_ms + 2 * latency_ms + PAGE_B / travel.linkBpms
  const waitMs = Math.min(faults * faultMs, pulledMs)
  const waits = downtime_ms + throttledMs + waitMs
  const pagesLeft = Math.round(left.full + left.zero)
  const roundCount = `${rounds.length} round${rounds.length === 1 ? '' : 's'}`
  const way = `${STOPPED_WAYS} × latency ${ms(latency_ms)}`
  return {
    algorithm: algorithm.name,
    title: algorithm.title,
    downtime_ms,
    total_ms,
    bytes_B: Math.round(pageBytes + STATES_SENT * STATE_B),
    slowdown: total_ms > 0 ? Math.min(1, waits / total_ms) : 0,
    rounds: rounds.length,
    remaining_pages: pagesLeft,
    reason,
    misses: [],
    formula: {
      downtime: pull
        ? `fixed part ${ms(calibration.fixed_ms)} + list of missing pages ${ms(bitmapMs)} + ${way}`
        : `fixed part ${ms(calibration.fixed_ms)} + ${pagesLeft} pages left ÷ rate ${ms(leftMs)} + ${way}`,
      total:
        `set-up ${ms(calibration.setup_ms)} + ${OTHER_WAYS} × latency ${ms(latency_ms)} + ` +
        `${roundCount} ${ms(roundsMs)} + downtime ${ms(downtime_ms)}` +
        (pull ? ` + ${pagesLeft} pages pulled ${ms(pulledMs)}` : ''),
      bytes:
        `pages of ${roundCount} and ${pagesLeft} left × ${PAGE_B} B${savedText(travel, left, moment)} ` +
        `+ ${STATES_SENT} × state ${STATE_B} B`,
      slowdown:
        `(downtime ${ms(downtime_ms)} + throttled ${ms(throttledMs)} + ` +
        `${Math.round(faults)} faults × ${ms(faultMs)}) ÷ total ${ms(total_ms)}`,
    },
  }
}

/** When the pages that the course leaves would travel. */
function momentOf({ mechanism: { pull, rounds } }: Algorithm): Moment {
  if (pull) return 'running'
  return rounds ? 'held' : 'streamed'
}

/** What savings the bytes are counted with. */
function savedText(travel: Travel, left: Load, moment: Moment): string {
  const share = (load: Load, when: Moment, what: string): string[] => {
    const how = travel.how(load, when)
    return how === '' ? [] : [`${what} × ${travel.share(load, when).toFixed(2)} by ${how}`]
  }
  const first = { full: 1, zero: 0 }
  const parts = [
    ...(travel.bytes({ full: 0, zero: 1 }, 'running') < PAGE_B ? ['zeros × 4 B'] : []),
    ...share(first, 'running', 'first time'),
    ...share({ ...first, again: true }, 'running', 'again'),
    ...(moment === 'running' ? [] : share(left, moment, 'left')),
  ]
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

const ms = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} ms`
