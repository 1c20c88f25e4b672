/**
 * Where the labs that run on this machine can be reached: one entry each in a folder that only the user may open.
 * `lab-PID-TAG.sock` is the socket itself; Windows has named pipes instead, and there `lab-PID-TAG.pipe` is a file with
 * the pipe's name.
 */
import { randomBytes } from 'node:crypto'
import { chmod, lstat, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FerryError } from '../util/errors.ts'

const ENTRY = /^lab-(\d{1,10})-[0-9a-f]{8}\.(sock|pipe)$/
/** Of `sockaddr_un`, with the final zero: 104 on macOS, 108 on Linux. */
const MAX_SOCKET_PATH_BYTES = 103
const WINDOWS = process.platform === 'win32'

export interface ControlEntry {
  readonly pid: number
  /** The file in the folder. */
  readonly file: string
  /** What `net.connect` takes. */
  readonly address: string
}

/** Makes the folder and a new entry's names; nothing listens yet. @throws FerryError `control.folder`, `control.path` */
export async function newEntry(directory: string): Promise<ControlEntry> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  if (!WINDOWS) {
    const stats = await lstat(directory)
    if (!stats.isDirectory() || stats.uid !== process.getuid?.()) {
      const message = `${directory} is not a folder of yours, so the lab cannot be reached from other terminals.`
      throw new FerryError('control.folder', message, { directory })
    }
    await chmod(directory, 0o700)
  }
  await removeStale(directory)
  const name = `lab-${process.pid}-${randomBytes(4).toString('hex')}`
  if (WINDOWS) {
    const file = join(directory, `${name}.pipe`)
    const address = `\\\\.\\pipe\\ferry-${name}-${randomBytes(12).toString('hex')}`
    await writeFile(file, address, { mode: 0o600 })
    return { pid: process.pid, file, address }
  }
  const file = join(directory, `${name}.sock`)
  if (Buffer.byteLength(file) > MAX_SOCKET_PATH_BYTES) {
    const message = `The path ${file} is too long for a socket. Set XDG_RUNTIME_DIR to a shorter folder.`
    throw new FerryError('control.path', message, { file })
  }
  return { pid: process.pid, file, address: file }
}

/** The entries whose process is alive; the others are removed. */
export async function listEntries(directory: string): Promise<ControlEntry[]> {
  await removeStale(directory)
  const entries: ControlEntry[] = []
  for (const { file, pid } of await filesOf(directory)) {
    const address = WINDOWS ? await readFile(file, 'utf8').catch(() => '') : file
    if (address !== '') entries.push({ pid, file, address })
  }
  return entries
}

async function removeStale(directory: string): Promise<void> {
  for (const { file, pid } of await filesOf(directory)) if (!alive(pid)) await rm(file, { force: true })
}

async function filesOf(directory: string): Promise<{ file: string; pid: number }[]> {
  const names = await readdir(directory).catch(() => [])
  return names.sort().flatMap((name) => {
    const pid = ENTRY.exec(name)?.[1]
    return pid === undefined ? [] : [{ file: join(directory, name), pid: Number(pid) }]
  })
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Not ours to signal, but there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
