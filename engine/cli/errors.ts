/** How the command fails: exit codes, and errors told in a paragraph. */
import { CommanderError } from 'commander'
import { ImageError } from '../../images/errors.ts'
import { FerryError } from '../util/errors.ts'

export const EXIT = {
  ok: 0,
  /** A run, or a check, failed. */
  failed: 1,
  /** The command was not understood. */
  usage: 2,
  /** Ctrl-C: 128 and the number of SIGINT, as shells have it. */
  interrupted: 130,
} as const

/** What the user typed is wrong. */
export const usageError = (message: string): FerryError => new FerryError('usage', message)

/** Ctrl-C came where there was nothing to report. */
export const interrupted = (): FerryError => new FerryError('interrupted', 'Interrupted.')

/** Codes of the engine that mean: the command asked for something that does not exist. */
const USAGE_CODES = new Set([
  'usage',
  'lab.input',
  'link.syntax',
  'link.range',
  'workload.unknown',
  'workload.parameter',
  'algorithm.unknown',
  'image.unknown',
  'image.too-little-memory',
  'store.filter',
  'plan.read',
  'plan.json',
  'plan.invalid',
  'plan.size',
  'plan.empty',
  'plan.twice',
  'plan.shard',
  'plan.impossible',
  'recording.exists',
])

/** What to do, by the beginning of the code, where the message itself does not say it. The longest match counts. */
const ADVICE: readonly (readonly [prefix: string, advice: string])[] = [
  ['host.out-of-memory', 'Give the guest less with --ram, or destroy a guest on that host.'],
  ['server.', 'Close the other program, or the other lab, and try again.'],
  ['web.listen', 'Is the port in use? Name another with --port, or none for any.'],
  ['console.timeout', 'Is the computer very busy? Try again, with a smaller guest or workload.'],
  ['machine.v86', 'Run `npm ci`, so that the emulator is the one Ferry was made for.'],
  ['machine.', 'Nothing was stored for this run. Try again; with --debug the cause is shown.'],
  ['image.network', 'Connect once, or use --guest labos, which needs nothing.'],
  ['image.', 'The guest labos needs nothing: --guest labos.'],
  ['store.open', 'Name another file with --store, or another folder in FERRY_DATA.'],
  ['store.full', 'Free some space, or name a file on another disk with --store.'],
  ['link.', 'Examples: --link 1G, --link ADSL, --link 50M,10ms,2ms.'],
  ['internal', 'This is a fault in Ferry. Run the command again with --debug and report what it prints.'],
]

/** Any thrown value as the engine's error. */
export function asFerryError(thrown: unknown): FerryError {
  if (thrown instanceof ImageError) return new FerryError(`image.${thrown.code}`, thrown.message, {}, thrown)
  return FerryError.from(thrown)
}

export function exitCodeOf(thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage
  const { code } = asFerryError(thrown)
  if (code === 'interrupted') return EXIT.interrupted
  return USAGE_CODES.has(code) ? EXIT.usage : EXIT.failed
}

export function adviceFor(code: string): string | null {
  const matches = ADVICE.filter(([prefix]) => code.startsWith(prefix))
  return matches.sort(([a], [b]) => b.length - a.length)[0]?.[1] ?? null
}

/** One paragraph: what happened and what to do; with `debug` the chain of causes under it. */
export function describeError(thrown: unknown, debug: boolean): string {
  const error = asFerryError(thrown)
  const sentences = [sentence(error.message), adviceFor(error.code)].filter((part) => part !== null)
  const paragraph = `ferry: ${sentences.join(' ')}`
  return debug ? [paragraph, ...causes(error)].join('\n') : paragraph
}

function sentence(text: string): string {
  const trimmed = text.trim()
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`
}

function causes(error: FerryError): string[] {
  const lines = [`  code ${error.code} ${JSON.stringify(error.data)}`, ...stackOf(error)]
  for (let cause = error.cause, depth = 0; cause !== undefined && depth < 8; depth++) {
    if (!(cause instanceof Error)) return [...lines, `  caused by ${JSON.stringify(cause)}`]
    lines.push(`  caused by ${cause.name}: ${cause.message}`)
    lines.push(...stackOf(cause))
    cause = cause.cause
  }
  return lines
}

const stackOf = (error: Error): string[] =>
  (error.stack ?? '').split('\n').flatMap((line) => (line.trim().startsWith('at ') ? [`    ${line.trim()}`] : []))
