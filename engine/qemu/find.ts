/** Which QEMU there is on this computer, and whether it is one that Ferry knows. */
import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { FerryError } from '../util/errors.ts'

/** Debian's name of the program; on a PC of 32 bits, as v86's is. */
const PROGRAM = 'qemu-system-i386'
/** 7.2 is the first with `-netdev stream`; the sections of the stream are those of 7.x. */
const OLDEST = [7, 2] as const
const FIRST_UNKNOWN_MAJOR = 8
const VERSION_DEADLINE_MS = 10_000

export interface QemuProgram {
  readonly path: string
  /** As it tells it: `7.2.22`. */
  readonly version: string
}

/** What is there, or why guests cannot run in QEMU here. */
export type Found =
  | { readonly available: true; readonly program: QemuProgram }
  | { readonly available: false; readonly reason: string; readonly version: string | null }

export interface Surroundings {
  readonly platform: NodeJS.Platform
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * Looks for QEMU: the program that `FERRY_QEMU` names, else the first on PATH. Never rejects.
 * @param surroundings of this process, but for tests
 */
export async function findQemu(surroundings: Surroundings = process): Promise<Found> {
  const { platform, env } = surroundings
  if (platform !== 'linux') {
    return missing(`Hosts with a real QEMU need Linux, for its shared memory files; this is ${platform}.`)
  }
  const named = env['FERRY_QEMU'] ?? ''
  const path = named !== '' ? named : await onPath(env['PATH'] ?? '')
  if (path === null) {
    return missing(`${PROGRAM} was not found. On Debian and Ubuntu, \`apt install qemu-system-x86\` installs it.`)
  }
  const output = await versionOf(path)
  const version = /version (\d+\.\d+(?:\.\d+)?)/.exec(output ?? '')?.[1]
  if (version === undefined) {
    const from = named !== '' ? ', which FERRY_QEMU names,' : ''
    return missing(`${path}${from} does not tell its version as QEMU does; it was not used.`)
  }
  const why = unfit(version)
  return why === null ? { available: true, program: { path, version } } : { available: false, reason: why, version }
}

/** @throws FerryError `qemu.unavailable` with what to do */
export async function requireQemu(surroundings?: Surroundings): Promise<QemuProgram> {
  const found = await findQemu(surroundings)
  if (found.available) return found.program
  throw new FerryError('qemu.unavailable', found.reason)
}

/** Why this version cannot be used; null where it can. Its migration stream has to be one that Ferry writes and reads. */
export function unfit(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const old = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])
  const needed = `Ferry knows the migration stream of QEMU ${OLDEST.join('.')} up to, not including, ${FIRST_UNKNOWN_MAJOR}.0`
  if (old) return `QEMU ${version} is too old: ${needed}. Name another one in FERRY_QEMU.`
  if (major >= FIRST_UNKNOWN_MAJOR)
    return `QEMU ${version} is newer than what was tried: ${needed}. Name another one in FERRY_QEMU.`
  return null
}

const missing = (reason: string): Found => ({ available: false, reason, version: null })

async function onPath(path: string): Promise<string | null> {
  for (const folder of path.split(delimiter).filter((each) => each !== '')) {
    const file = join(folder, PROGRAM)
    try {
      await access(file, constants.X_OK)
      return file
    } catch {
      // Not in this folder.
    }
  }
  return null
}

function versionOf(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    // One that hangs does not take a softer signal.
    const options = { timeout: VERSION_DEADLINE_MS, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 } as const
    execFile(path, ['--version'], options, (error, stdout) => resolve(error === null ? stdout : null))
  })
}
