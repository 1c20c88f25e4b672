/**
 * From a plan to its conditions and to the order of its trials. Pure: the same plan gives the same order everywhere, which
 * is what lets machines share it and a crashed experiment go on.
 *
 * Trials come in complete randomised blocks: a block is one trial of every condition, in an order of its own. Whatever
 * drifts while an experiment runs (a machine that warms up, a neighbour that comes and goes) then meets all conditions
 * alike, where one condition after the other would take the drift for an effect.
 *
 * A shard has whole blocks, every n-th, and warm-up blocks of its own. So every shard measures every condition, and each
 * comparison can be made within one machine.
 */
import * as v from 'valibot'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import {
  type Condition,
  condition,
  type Factor,
  FACTORS,
  type Level,
  MOST_CONDITIONS,
  MOST_TRIALS,
  type Plan,
} from '../../contract/experiment-plan.ts'
import { type HostKind, hostKind } from '../../contract/report.ts'
import { FerryError } from '../../util/errors.ts'

export interface Shard {
  /** From 1. */
  readonly index: number
  readonly count: number
}
export const WHOLE: Shard = { index: 1, count: 1 }

export interface Trial {
  /** Place in the order of the whole plan, from 0; the same in every shard. */
  readonly trial: number
  /** Index of its condition. */
  readonly condition: number
  /** Number of its block from 1; warm-up blocks count by themselves. */
  readonly repeat: number
  readonly warm_up: boolean
  /** Of whatever is random in it. The same for all of a block, so that jitter is no difference between conditions. */
  readonly seed: number
}

/** Kinds of source and target host. */
export const kindsOf = (direction: Condition['direction']): [from: HostKind, to: HostKind] =>
  v.parse(v.tuple([hostKind, hostKind]), direction.split('-'))

/** Factors with more than one level. */
export function variedFactors({ factors }: Plan): Factor[] {
  return FACTORS.filter((factor) => (factors[factor]?.length ?? 0) > 1)
}

/**
 * Every combination of levels that is not left out, the last factor varying fastest.
 * @throws FerryError `plan.size`, `plan.empty`, `plan.twice` for a factor that has a level in `base` as well
 */
export function conditionsOf(plan: Plan): Condition[] {
  const twice = FACTORS.find((factor) => plan.factors[factor] !== undefined && plan.base[factor] !== undefined)
  if (twice !== undefined) {
    throw new FerryError('plan.twice', `The plan has ${twice} in "base" and in "factors"; leave one of them out.`, {
      factor: twice,
    })
  }
  const count = FACTORS.reduce((product, factor) => product * (plan.factors[factor]?.length ?? 1), 1)
  if (count > MOST_CONDITIONS) {
    const message = `The plan has ${count} combinations; at most ${MOST_CONDITIONS} are possible. Leave levels out, or make several plans.`
    throw new FerryError('plan.size', message, { count, most: MOST_CONDITIONS })
  }
  let all: { [F in Factor]?: Level | undefined }[] = [plan.base]
  for (const factor of FACTORS) {
    const levels: readonly Level[] | undefined = plan.factors[factor]
    if (levels !== undefined) all = all.flatMap((made) => levels.map((level) => ({ ...made, [factor]: level })))
  }
  const found = all
    .map((made) => v.parse(condition, made))
    .filter((made) => !plan.except.some((left) => matches(made, left)))
  if (found.length === 0) throw new FerryError('plan.empty', 'The plan leaves all of its conditions out.')
  const trials = found.length * (plan.repeats + plan.warm_up)
  if (trials > MOST_TRIALS) {
    const message = `The plan has ${trials} trials; at most ${MOST_TRIALS} are possible. Take fewer repeats or levels.`
    throw new FerryError('plan.size', message, { count: trials, most: MOST_TRIALS })
  }
  return found
}

/** An exception without factors leaves nothing out. */
function matches(made: Condition, left: Plan['except'][number]): boolean {
  const named = FACTORS.filter((factor) => left[factor] !== undefined)
  return named.length > 0 && named.every((factor) => made[factor] === left[factor])
}

/** The trials of a shard, in the order in which they are carried out. @throws FerryError as `conditionsOf`, `plan.shard` */
export function trialsOf(plan: Plan, shard: Shard = WHOLE): Trial[] {
  checkShard(plan, shard)
  const places = conditionsOf(plan).map((_, index) => index)
  const random = xoroshiro128plus(plan.seed)
  const blocks = [
    ...Array.from({ length: plan.warm_up }, (_, i) => ({ warm_up: true, repeat: i + 1 })),
    ...Array.from({ length: plan.repeats }, (_, i) => ({ warm_up: false, repeat: i + 1 })),
  ]
  const all = blocks.flatMap(({ warm_up, repeat }, block) =>
    shuffled(places, random).map((place, i) => ({
      trial: block * places.length + i,
      condition: place,
      repeat,
      warm_up,
      seed: plan.seed + block,
    })),
  )
  return all.filter(({ warm_up, repeat }) => warm_up || (repeat - 1) % shard.count === shard.index - 1)
}

function checkShard({ repeats }: Plan, { index, count }: Shard): void {
  const whole = Number.isInteger(index) && Number.isInteger(count) && index >= 1 && count >= 1 && index <= count
  if (whole && count <= repeats) return
  const why = whole
    ? `the plan has ${repeats} repeats, and a shard takes whole ones, so that it has every condition`
    : 'a shard is INDEX/COUNT, from 1/COUNT to COUNT/COUNT'
  throw new FerryError('plan.shard', `There is no shard ${index}/${count}: ${why}.`, { index, count })
}

/** Fisher and Yates. */
function shuffled(list: readonly number[], random: ReturnType<typeof xoroshiro128plus>): number[] {
  const out = [...list]
  for (let last = out.length - 1; last > 0; last--) {
    const other = uniformInt(random, 0, last)
    const [a, b] = [out[last], out[other]]
    out[last] = b
    out[other] = a
  }
  return out
}

/** The levels of the varied factors, e.g. `pre-copy · dirty:2000`; the plan's name has to be beside it. */
export function titleOf(plan: Plan, made: Condition): string {
  const varied = variedFactors(plan)
  const words = varied.map((factor) => levelText(factor, made[factor]))
  return words.length === 0 ? `${made.direction} · ${made.algorithm}` : words.join(' · ')
}

const UNITS: Partial<Record<Factor, string>> = {
  ram_MB: 'MiB',
  disk_MB: 'MiB',
  heartbeat_ms: 'ms heartbeat',
  probe_ms: 'ms probe',
  threshold_pages: 'pages threshold',
  max_rounds: 'rounds',
  max_downtime_ms: 'ms downtime',
}

/** A level as people read it. */
export function levelText(factor: Factor, level: Level): string {
  if (level === null) return `default ${factor}`
  if (typeof level === 'boolean') return `${factor.replaceAll('_', ' ')} ${level ? 'on' : 'off'}`
  const unit = UNITS[factor]
  return unit === undefined ? String(level) : `${level} ${unit}`
}
