/**
 * The guest's helper programs: C sources and the small binaries made from them, both kept in the repository so that
 * no compiler is needed. A lock file says which sources the binaries were made from.
 */
import { readFile, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { readIfPresent, sha256, writeAtomically } from '../cache.ts'
import { ImageError } from '../errors.ts'
import { mustRun } from '../tools.ts'

export const HELPERS = ['dirty', 'heartbeat', 'udpecho'] as const
const DIRECTORY = new URL('helpers/', import.meta.url)
const LOCK_FILE = new URL('helpers.lock.json', DIRECTORY)

const lockSchema = v.record(v.string(), v.strictObject({ source: v.string(), binary: v.string() }))

const FLAGS = [
  '-m32 -march=i686 -std=gnu11 -Os -Wall -Wextra -Werror -Wno-unused-function -ffreestanding -fno-pic -no-pie',
  '-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-ident -nostdlib -static -s',
  '-Wl,--build-id=none -Wl,-z,norelro -Wl,-z,noseparate-code',
].flatMap((line) => line.split(' '))

/** The binaries, checked against the lock file. Throws {@link ImageError} `digest` or `invalid`. */
export async function readHelpers(): Promise<Record<string, Buffer>> {
  const lock = await readLock()
  const binaries: Record<string, Buffer> = {}
  for (const name of HELPERS) {
    const binary = await readFile(new URL(`bin/${name}`, DIRECTORY))
    if (lock[name]?.binary !== sha256(binary)) {
      throw new ImageError('digest', `images/linux/helpers/bin/${name} is not the binary that helpers.lock.json names.`)
    }
    binaries[name] = binary
  }
  return binaries
}

/** The helpers whose sources are not those their binaries were made from. */
export async function staleHelpers(): Promise<string[]> {
  const lock = await readLock()
  const stale: string[] = []
  for (const name of HELPERS) if (lock[name]?.source !== (await sourceDigest(name))) stale.push(name)
  return stale
}

/** Compiles the given helpers with gcc and records their digests. Throws {@link ImageError} `platform` without gcc, `tool` if it fails. */
export async function compileHelpers(names: readonly string[]): Promise<void> {
  const lock = await readLock()
  for (const name of names) {
    const output = fileURLToPath(new URL(`bin/${name}.new`, DIRECTORY))
    await mustRun('gcc', [...FLAGS, fileURLToPath(new URL(`${name}.c`, DIRECTORY)), '-o', output])
    const binary = await readFile(output)
    await rm(output)
    await writeAtomically(fileURLToPath(new URL(`bin/${name}`, DIRECTORY)), binary)
    lock[name] = { source: await sourceDigest(name), binary: sha256(binary) }
  }
  await writeAtomically(fileURLToPath(LOCK_FILE), `${JSON.stringify(lock, null, 2)}\n`)
}

async function sourceDigest(name: string): Promise<string> {
  const common = await readFile(new URL('sys.h', DIRECTORY), 'utf8')
  return sha256(`${common}\0${await readFile(new URL(`${name}.c`, DIRECTORY), 'utf8')}\0${FLAGS.join(' ')}`)
}

async function readLock(): Promise<v.InferOutput<typeof lockSchema>> {
  const text = await readIfPresent(fileURLToPath(LOCK_FILE))
  if (text === undefined) return {}
  try {
    return v.parse(lockSchema, JSON.parse(text.toString('utf8')))
  } catch (cause) {
    throw new ImageError('invalid', 'images/linux/helpers/helpers.lock.json is malformed.', { cause })
  }
}
