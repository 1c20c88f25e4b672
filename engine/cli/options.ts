/** Readers of option values, and options that several commands share. Wrong values end with exit code 2 and a hint. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { MigrateInput } from '../contract/lab.ts'
import { type HostKind, hostKind } from '../contract/report.ts'
import { parseLink } from '../migration/link.ts'
import { ALGORITHM_NAMES } from '../migration/policy/pool.ts'
import { FerryError } from '../util/errors.ts'
import { defaultStore } from '../lab/places.ts'
import { addSavingOptions, type SavingOptions } from './saving-options.ts'
import { addTargetOptions, type TargetOptions } from './target-options.ts'

export const KINDS = hostKind.options
export const ALGORITHM_CHOICES = [...ALGORITHM_NAMES, 'random', 'auto']

/** A whole number from `minimum` to `maximum`. */
export function whole(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN
    if (!(value >= minimum && value <= maximum)) {
      throw new InvalidArgumentError(`A whole number from ${minimum} to ${maximum} is needed.`)
    }
    return value
  }
}

/** A number from `minimum` to `maximum`, or 0. */
export function zeroOr(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN
    if (value !== 0 && !(value >= minimum && value <= maximum)) {
      throw new InvalidArgumentError(`0, or a number from ${minimum} to ${maximum}, is needed.`)
    }
    return value
  }
}

export function link(text: string): string {
  try {
    parseLink(text)
    return text
  } catch (thrown) {
    throw new InvalidArgumentError(FerryError.from(thrown).message)
  }
}

export const storeOption = (): Option =>
  new Option('--store <file>', `measurement store, an SQLite file (default: ${defaultStore()})`)

export const recordLabOption = (): Option =>
  new Option(
    '--record-lab <file>',
    'record the whole lab into a new file, by custom .ferryrec, to be played in the app',
  )

export const jsonOption = (what: string): Option =>
  new Option('--json', `print ${what} as JSON on stdout, and nothing else there`)

/** What kind of guest, on what hosts: shared by the commands that create one and move it. */
export function addGuestOptions(command: Command): Command {
  return addHostedGuestOptions(command).addOption(
    new Option('--to <kind>', 'kind of the host that it moves to (default: the other kind)').choices(KINDS),
  )
}

/** What kind of guest, on what host. */
export function addHostedGuestOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--guest <name>', '`linux` (Debian, built on first use), `labos`, or an image of your own').default(
        'linux',
      ),
    )
    .addOption(new Option('--strict-guest', 'fail, rather than take LabOS, where the Linux image cannot be had'))
    .addOption(
      new Option('--ram <MB>', "the guest's RAM, MB of 2^20 B, 8 to 1024 (default: the image's own)").argParser(
        whole(8, 1024),
      ),
    )
    .addOption(new Option('--from <kind>', 'kind of the host that it starts on').choices(KINDS).default('xen'))
    .addOption(
      new Option('--heartbeat <ms>', 'the guest counts on its console, one line every so many ms; 0 = not')
        .default(0)
        .argParser(whole(0, 60_000)),
    )
    .addOption(
      new Option('--disk <MB>', 'size of its shared disk, MB of 2^20 B; 0 = none').default(0).argParser(whole(0, 1024)),
    )
}

/** How it moves. */
export function addMoveOptions(command: Command): Command {
  return addSavingOptions(addTargetOptions(command))
    .addOption(
      new Option(
        '--algorithm <name>',
        'how the pages travel; `random` chooses by --seed, `auto` by prediction the first that keeps the targets',
      )
        .choices(ALGORITHM_CHOICES)
        .default('pre-copy'),
    )
    .addOption(
      new Option(
        '--link <link>',
        'link between the hosts: unlimited, 10G, 1G, 100M, 10M, ADSL, or RATE[,LATENCY[,JITTER]]',
      )
        .default('unlimited')
        .argParser(link),
    )
    .addOption(
      new Option(
        '--probe <ms>',
        'time between requests of the network client that measures the outage, 1 to 10; 0 = none',
      )
        .default(5)
        .argParser(zeroOr(1, 10)),
    )
    .addOption(new Option('--verify-ram', 'compare all of RAM on both sides before the guest goes on'))
    .addOption(
      new Option(
        '--cut-stage <n>',
        'cut the link as soon as stage n, 0 to 5, begins: what becomes of the guest?',
      ).argParser(whole(0, 5)),
    )
    .addOption(
      new Option('--threshold-pages <n>', 'pre-copy switches over when so few dirty pages are left').argParser(
        whole(0, 1_000_000),
      ),
    )
    .addOption(new Option('--max-rounds <n>', 'pre-copy switches over after so many rounds').argParser(whole(1, 1000)))
    .addOption(
      new Option('--seed <n>', 'seeds whatever is random')
        .default(1)
        .argParser(whole(0, Number.MAX_SAFE_INTEGER - 1000)),
    )
}

export interface GuestOptions {
  readonly guest: string
  readonly strictGuest?: true
  readonly ram?: number
  readonly from: HostKind
  readonly to?: HostKind
  readonly heartbeat: number
  readonly disk: number
  readonly workload?: string
}

export interface MoveOptions extends TargetOptions, SavingOptions {
  readonly algorithm: string
  readonly link: string
  readonly probe: number
  readonly verifyRam?: true
  readonly cutStage?: MigrateInput['cut_in_stage']
  readonly thresholdPages?: number
  readonly maxRounds?: number
  readonly seed: number
}
