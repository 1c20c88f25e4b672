/**
 * `npm run images`: builds every guest image. Options: `--refresh` asks for newer Debian packages, `--labos` and
 * `--linux` build only that one. Exits with 1 if an image that was asked for could not be built; without options, a
 * machine that cannot build Linux still succeeds with LabOS alone.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cacheDirectory, writeAtomically } from './cache.ts'
import { ImageError } from './errors.ts'
import { compileHelpers, staleHelpers } from './linux/helpers.ts'
import { ensureLinux } from './linux/image.ts'

export { ensureLinux, type EnsureLinuxOptions, type LinuxImage } from './linux/image.ts'

function say(image: string, line: string): void {
  process.stdout.write(`${image.padEnd(6)} ${line}\n`)
}

/**
 * Rebuilds LabOS. The committed binary is replaced only if the sources have changed; a toolchain that turns the same
 * sources into other bytes does not replace it, as the digest is what recordings refer to.
 */
async function buildLabosImage(): Promise<void> {
  const labos = await import('./labos/build.ts')
  const tools = labos.toolchain()
  if (tools === undefined) {
    say('labos', 'no gcc here: the committed binary is used')
    return
  }
  const lock = labos.readLock()
  const directory = await mkdtemp(join(tmpdir(), 'ferry-labos-'))
  try {
    const output = join(directory, 'labos.elf')
    const built = labos.buildLabos(output)
    if (built.sha256 === lock.sha256) say('labos', `ready: ${built.bytes} bytes, the same as the committed binary`)
    else if (tools.compiler !== lock.compiler || tools.linker !== lock.linker) {
      say('labos', `ready: the committed binary is kept, made by ${lock.compiler}`)
    } else {
      await writeAtomically(labos.binaryPath, await readFile(output))
      await writeAtomically(labos.lockPath, `${JSON.stringify({ ...tools, ...built }, null, 2)}\n`)
      say('labos', `rebuilt: ${built.bytes} bytes, sha256 ${built.sha256}`)
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function buildLinuxImage(refresh: boolean): Promise<void> {
  const stale = await staleHelpers()
  if (stale.length > 0) {
    try {
      await compileHelpers(stale)
      say('linux', `compiled ${stale.join(', ')}`)
    } catch (error) {
      if (!(error instanceof ImageError) || error.code !== 'platform') throw error
      say('linux', `${stale.join(', ')}: no gcc here, so the committed binaries of older sources are used`)
    }
  }
  const start = performance.now()
  const image = await ensureLinux({ refresh, progress: (line) => say('linux', line) })
  const seconds = ((performance.now() - start) / 1000).toFixed(2)
  const megabytes = ((image.vmlinux.length + image.initrd.length) / 1e6).toFixed(1)
  say('linux', `ready after ${seconds} s: kernel ${image.kernelVersion}, ${megabytes} MB, in ${cacheDirectory()}`)
}

/** Resolves with an exit code: 1 if an image that was asked for could not be built. */
export async function buildImages(values: { refresh?: boolean; labos?: boolean; linux?: boolean }): Promise<number> {
  const asked = values.labos === true || values.linux === true
  let failures = 0
  const attempt = async (image: string, required: boolean, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      if (required) failures++
      say(image, `${required ? 'FAILED' : 'left out'}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (!asked || values.labos === true) await attempt('labos', true, buildLabosImage)
  if (!asked || values.linux === true)
    await attempt('linux', values.linux === true, () => buildLinuxImage(values.refresh === true))
  return failures === 0 ? 0 : 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { refresh: { type: 'boolean' }, labos: { type: 'boolean' }, linux: { type: 'boolean' } },
  })
  process.exitCode = await buildImages(values)
}
