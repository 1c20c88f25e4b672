/** The per-user cache that built images live in: its place, whole-file writes, and a lock between processes. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ImageError } from './errors.ts'

/** Where built images are kept: `FERRY_CACHE`, else `ferry/images` in the user's cache directory. */
export function cacheDirectory(): string {
  const own = process.env['FERRY_CACHE']
  if (own !== undefined && own !== '') return own
  const xdg = process.env['XDG_CACHE_HOME']
  return join(xdg !== undefined && xdg !== '' ? xdg : join(homedir(), '.cache'), 'ferry', 'images')
}

/** Lower-case hexadecimal SHA-256. */
export function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex')
}

/** Writes a file so that a reader sees the old one or the new one, never a part. Makes its directory. */
export async function writeAtomically(path: string, data: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    await writeFile(temporary, data)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** The file's bytes, or undefined if it does not exist. Other errors pass through. */
export async function readIfPresent(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

const LOCK_WAIT_MS = 180_000
const LOCK_POLL_MS = 100

/**
 * Runs `work` while holding `<path>`, a lock file with the owner's process id in it. A lock whose owner is gone is
 * taken over. Throws {@link ImageError} `busy` after three minutes of waiting.
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true })
  const deadline = performance.now() + LOCK_WAIT_MS
  for (;;) {
    try {
      const handle = await open(path, 'wx')
      await handle.writeFile(String(process.pid))
      await handle.close()
      break
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
    }
    if (await ownerIsGone(path)) await rm(path, { force: true })
    else if (performance.now() > deadline) {
      throw new ImageError('busy', `Another process is building images; if none is, remove ${path}.`)
    } else await sleep(LOCK_POLL_MS)
  }
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function ownerIsGone(path: string): Promise<boolean> {
  const text = (await readIfPresent(path))?.toString('latin1')
  if (text === undefined) return false
  const pid = Number(text)
  if (!Number.isInteger(pid) || pid <= 0) {
    // Between creating the file and writing the id to it there is a moment; only an old empty lock is abandoned.
    const age = await stat(path).then(
      (s) => Date.now() - s.mtimeMs,
      () => 0,
    )
    return age > 5000
  }
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return errorCode(error) === 'ESRCH'
  }
}

/** The `code` of a Node system error, if it has one. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string')
    return error.code
  return undefined
}
