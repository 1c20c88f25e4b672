/** Options by which a user says how good a migration has to be, and how pre-copy keeps its guest in check. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Importance, IMPORTANCE } from '../contract/prediction.ts'
import type { PreCopyInput } from '../contract/pre-copy.ts'

export interface TargetOptions {
  readonly maxDowntime?: number
  readonly maxTotal?: number
  readonly maxBandwidth?: number
  readonly maxSlowdown?: number
  readonly importance?: readonly Importance[]
  readonly predict?: true
  readonly rateControl?: RateBounds | true
  readonly skipDirtied: boolean
  readonly throttle?: true
  readonly thenPull?: true
}

type RateBounds = NonNullable<PreCopyInput['rate_control']>

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000 }
const BPS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 }

/** `10ms`, `5s`, `1.5min` → ms. */
export function duration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|min)$/.exec(text)
  if (match === null) throw new InvalidArgumentError('A time with its unit is needed, e.g. 10ms or 5s.')
  return Number(match[1]) * MS[match[2]]
}

/** `500M` → bits per second. */
export function bandwidth(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([kmg]?)$/i.exec(text)
  const bps = match === null ? NaN : Number(match[1]) * BPS[match[2].toLowerCase()]
  if (!(bps >= 10_000 && bps <= 100e9)) {
    throw new InvalidArgumentError('Bits per second from 10k to 100G are needed, e.g. 500M.')
  }
  return bps
}

/** `30%` or `0.3` → share. */
export function share(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(text)
  const value = match === null ? NaN : Number(match[1]) / (match[2] === '%' ? 100 : 1)
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('A share is needed, e.g. 30% or 0.3.')
  return value
}

function figures(text: string): Importance[] {
  const names = text.split(',').map((name) => name.trim())
  const known = names.flatMap((name) => IMPORTANCE.filter((each) => each === name))
  if (known.length !== names.length) throw new InvalidArgumentError(`Some of ${IMPORTANCE.join(', ')} are needed.`)
  return known
}

function rates(text: string): RateBounds {
  const [min_bps, step_bps, max_bps, ...more] = text.split(',').map((part) => bandwidth(part.trim()))
  if (max_bps === undefined || more.length > 0) {
    throw new InvalidArgumentError('Minimum, step and maximum are needed, e.g. 100M,50M,500M.')
  }
  return { min_bps, step_bps, max_bps }
}

/** Targets, and what pre-copy does to its guest and its rate. */
export function addTargetOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--max-downtime <time>', 'target: the guest stands still no longer, e.g. 10ms').argParser(duration),
    )
    .addOption(
      new Option('--max-total <time>', 'target: the migration takes no longer, e.g. 5s; rounds end in time').argParser(
        duration,
      ),
    )
    .addOption(
      new Option(
        '--max-bandwidth <rate>',
        'target: no more bits per second, e.g. 500M; the link is slowed to it',
      ).argParser(bandwidth),
    )
    .addOption(
      new Option(
        '--max-slowdown <share>',
        'target: the guest stands, waits or is throttled for no more of the migration, e.g. 30%; caps --throttle',
      ).argParser(share),
    )
    .addOption(
      new Option(
        '--importance <figures>',
        `with --algorithm auto: smallest first by some of ${IMPORTANCE.join(', ')} (default: order of the pool)`,
      ).argParser(figures),
    )
    .addOption(new Option('--predict', 'measure the guest first, and show predictions beside what came out'))
    .addOption(
      new Option(
        '--rate-control [min,step,max]',
        "pre-copy: each round at the last one's dirtying rate and a step (default: 100M,50M,500M)",
      ).argParser(rates),
    )
    .addOption(new Option('--no-skip-dirtied', 'pre-copy: send pages although they were dirtied again in the round'))
    .addOption(new Option('--throttle', 'pre-copy: slow the vCPU down in steps where the rounds do not converge'))
    .addOption(new Option('--then-pull', 'pre-copy: where the rounds do not converge, switch over and pull the rest'))
}

/** The contract's form of them; `pre_copy` holds this part of it. */
export function targetInput(options: TargetOptions) {
  const { maxDowntime, maxTotal, maxBandwidth, maxSlowdown, importance, rateControl } = options
  return {
    ...(maxDowntime === undefined ? {} : { max_downtime_ms: maxDowntime }),
    ...(maxTotal === undefined ? {} : { max_total_ms: maxTotal }),
    ...(maxBandwidth === undefined ? {} : { max_bandwidth_bps: maxBandwidth }),
    ...(maxSlowdown === undefined ? {} : { max_slowdown: maxSlowdown }),
    ...(importance === undefined ? {} : { importance: [...importance] }),
    predict: options.predict ?? false,
    pre_copy: {
      ...(rateControl === undefined ? {} : { rate_control: rateControl === true ? {} : rateControl }),
      skip_dirtied: options.skipDirtied,
      throttle: options.throttle ?? false,
      then_pull: options.thenPull ?? false,
    },
  }
}
