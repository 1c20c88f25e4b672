/** Before a migration: what each algorithm would cost, and which one the user's targets allow. */
import type { MigrateInput } from '../contract/lab.ts'
import type { PreCopyInput } from '../contract/pre-copy.ts'
import type { PredictionTable, RunPrediction } from '../contract/prediction.ts'
import { savingsWith } from '../contract/savings.ts'
import { parseLink } from '../migration/link.ts'
import { algorithmOf, type PolicyOptions } from '../migration/policy/pool.ts'
import { CLARK_RATE_CONTROL, type PreCopyOptions, type RateControl } from '../migration/policy/pre-copy.ts'
import { predict } from '../migration/policy/predict.ts'
import { choose, missesOf, ranked } from '../migration/policy/qos.ts'
import { QEMU_THROTTLE } from '../migration/policy/throttle.ts'
import { agreedSavings, offeredSavings } from '../migration/saving/savings.ts'
import { TUNING } from '../migration/source-options.ts'
import { calibrate, RUNS_LOOKED_AT } from './calibration.ts'
import { measureGuest } from './dirty-rate.ts'
import type { Lab } from './lab.ts'
import { candidates, thenPulls } from './pools.ts'
import { limitedLink, preCopyTargets, targetsOf } from './targets.ts'

/** What a start takes from a choice. */
export interface Choice {
  readonly algorithm: string
  readonly prediction: RunPrediction
  /** All that was predicted. */
  readonly table: PredictionTable
}

const DEFAULT_MEASURE_MS = 1000

/**
 * Measures the guest and predicts by every algorithm that may be used.
 * @throws FerryError `guest.*`, `host.*`, `link.*`, `algorithm.*`
 */
export async function predictionTable(
  lab: Lab,
  input: MigrateInput,
  measure_ms = DEFAULT_MEASURE_MS,
): Promise<PredictionTable> {
  const names = candidates(lab, input)
  const targets = targetsOf(input)
  const link = limitedLink(parseLink(input.link ?? 'unlimited'), targets)
  const wanted = savingsWith(input.savings)
  const agreed = agreedSavings(offeredSavings(wanted), lab.host(input.to).abilities.savings)
  const { rate: dirty_rate, savings: sample } = await measureGuest(lab, input.guest, measure_ms, agreed)
  const calibration = calibrate(lab.store.reports({ outcome: 'completed', limit: RUNS_LOOKED_AT }))
  const latency_ms = link.latency_ms + link.jitter_ms / 2
  const all = names.flatMap((name) => {
    const algorithm = algorithmOf(name)
    if (algorithm === undefined) return []
    const prediction = predict(algorithm, {
      ramPages: dirty_rate.ram_pages,
      nonzeroPages: dirty_rate.nonzero_pages,
      workingSet: dirty_rate.working_set,
      bandwidth_bps: link.forward_bps,
      latency_ms,
      calibration,
      savings: { wanted, agreed, sample },
      policy: policyOf(lab, input),
      watchMs: TUNING.workingSetMs,
    })
    return [{ ...prediction, misses: missesOf(prediction, targets) }]
  })
  const predictions = ranked(all, input.importance)
  return {
    dirty_rate,
    link: link.text,
    bandwidth_bps: link.forward_bps,
    latency_ms,
    calibration,
    savings: sample,
    targets,
    predictions,
    chosen: predictions.find(({ misses }) => misses.length === 0)?.algorithm ?? null,
  }
}

/**
 * The algorithm that a migration with this input is to be started with; null where nothing is to be predicted.
 * @throws FerryError `qos.none-fits`, or as `predictionTable`
 */
export async function choiceOf(lab: Lab, input: MigrateInput): Promise<Choice | null> {
  if (input.automatic !== true && input.predict !== true) return null
  const table = await predictionTable(lab, input)
  const { predictions, targets } = table
  // None in common: the target is asked all the same, and refuses.
  if (predictions.length === 0) return null
  const [wanted] = candidates(lab, input)
  const own = predictions.find(({ algorithm: name }) => name === wanted) ?? predictions[0]
  const taken = input.automatic === true ? choose(predictions) : own
  const { algorithm, downtime_ms, total_ms, bytes_B, slowdown, formula } = taken
  return { algorithm, prediction: { algorithm, downtime_ms, total_ms, bytes_B, slowdown, formula, targets }, table }
}

/** The algorithms' options as the input has them. */
export function policyOf(lab: Lab, input: MigrateInput): PolicyOptions {
  return { preCopy: preCopyOf(input), ...(thenPulls(lab, input) ? { hybridRounds: Infinity } : {}) }
}

function preCopyOf({ pre_copy: given = {}, ...targets }: MigrateInput): Partial<PreCopyOptions> {
  return {
    ...(given.threshold_pages === undefined ? {} : { thresholdPages: given.threshold_pages }),
    ...(given.max_rounds === undefined ? {} : { maxRounds: given.max_rounds }),
    ...(given.max_factor === undefined ? {} : { maxSentFactor: given.max_factor }),
    ...(given.rate_control === undefined ? {} : { rateControl: rateControlOf(given.rate_control) }),
    ...(given.skip_dirtied === undefined ? {} : { skipDirtied: given.skip_dirtied }),
    ...(given.throttle === true ? { throttle: QEMU_THROTTLE } : {}),
    ...preCopyTargets(targets),
  }
}

type RateBounds = NonNullable<PreCopyInput['rate_control']>

function rateControlOf({
  min_bps = CLARK_RATE_CONTROL.min_bps,
  step_bps = CLARK_RATE_CONTROL.step_bps,
  max_bps = CLARK_RATE_CONTROL.max_bps,
}: RateBounds): RateControl {
  return { min_bps, step_bps, max_bps }
}
