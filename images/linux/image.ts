/** The built Linux guest: from the cache where its inputs have not changed, built where they have. */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { cacheDirectory, readIfPresent, sha256, withLock, writeAtomically } from '../cache.ts'
import { ImageError } from '../errors.ts'
import { mustRun } from '../tools.ts'
import {
  cachedPackages,
  fetchPackages,
  packageFile,
  readPackage,
  type DebianPackage,
  type FetchedPackages,
} from './fetch.ts'
import { readHelpers } from './helpers.ts'
import { buildInitramfs, type RootFile } from './initramfs.ts'
import { extractKernel } from './kernel.ts'

export interface LinuxImage {
  /** e.g. `6.1.0-50-686` */
  readonly kernelVersion: string
  readonly bzimage: Buffer
  readonly vmlinux: Buffer
  readonly initrd: Buffer
  /** SHA-256, lower-case hexadecimal. */
  readonly digests: { readonly bzimage: string; readonly vmlinux: string; readonly initrd: string }
  /** The Debian packages it was built from. */
  readonly packages: readonly DebianPackage[]
}

export interface EnsureLinuxOptions {
  /** Where to keep packages and images; default {@link cacheDirectory}. */
  readonly cache?: string
  /** Ask the package sources for newer packages even if the cache has some. Default false. */
  readonly refresh?: boolean
  /** One line per step. */
  readonly progress?: (line: string) => void
}

/** Module sets: `net` is inserted at boot, `disk` when the disk load starts. Serial line and tmpfs are built in. */
const MODULES = { net: ['8390', 'ne2k-pci'], disk: ['ata_piix', 'ata_generic', 'sd_mod'] } as const

const HERE = new URL('./', import.meta.url)
/** Code whose change changes the image. */
const CODE = ['cpio.ts', 'initramfs.ts', 'kernel.ts', 'image.ts']
const KEPT_BUILDS = 2

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))
const metaSchema = v.strictObject({
  kernelVersion: v.string(),
  digests: v.strictObject({ bzimage: digest, vmlinux: digest, initrd: digest }),
})

/**
 * The Linux guest's kernel and initramfs. The first call downloads about 53 MB and takes some seconds; later ones read
 * the cache. Two processes do not collide. Throws {@link ImageError}; where it does, LabOS is the guest to offer.
 */
export async function ensureLinux(options: EnsureLinuxOptions = {}): Promise<LinuxImage> {
  const cache = options.cache ?? cacheDirectory()
  const progress = options.progress ?? ((): void => undefined)
  const parts = await readParts()
  if (options.refresh !== true) {
    const packages = await cachedPackages(cache)
    const image = packages && (await load(cache, packages, parts.digest))
    if (image !== undefined) return image
  }
  return withLock(join(cache, 'build.lock'), async () => {
    let packages = options.refresh === true ? undefined : await cachedPackages(cache)
    // Another process may have built it while this one waited for the lock.
    const ready = packages && (await load(cache, packages, parts.digest))
    if (ready !== undefined) return ready
    if (packages === undefined || !(await allReadable(cache, packages))) packages = await fetchPackages(cache, progress)
    const image = await load(cache, packages, parts.digest)
    return image ?? (await build(cache, packages, parts, progress))
  })
}

interface Parts {
  readonly rootFiles: readonly RootFile[]
  readonly applets: readonly string[]
  readonly helpers: Record<string, Buffer>
  readonly digest: string
}

/** Everything of the repository that goes into the image, and one digest over all of it. */
async function readParts(): Promise<Parts> {
  const root = fileURLToPath(new URL('rootfs/', HERE))
  const paths = (await readdir(root, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .sort()
  const rootFiles = await Promise.all(paths.map(async (path) => ({ path, data: await readFile(join(root, path)) })))
  const appletText = await readFile(new URL('applets.txt', HERE), 'utf8')
  const helpers = await readHelpers()
  const code = await Promise.all(CODE.map((name) => readFile(new URL(name, HERE))))
  const list = [
    ...rootFiles.map((file) => `${file.path} ${sha256(file.data)}`),
    ...Object.entries(helpers).map(([name, data]) => `${name} ${sha256(data)}`),
    ...code.map((data) => sha256(data)),
    appletText,
  ]
  return {
    rootFiles,
    applets: appletText.split('\n').filter((line) => line !== ''),
    helpers,
    digest: sha256(list.join('\n')),
  }
}

function imageDirectory(cache: string, packages: FetchedPackages, partsDigest: string): string {
  const key = sha256(`${packages.kernel.sha256} ${packages.busybox.sha256} ${partsDigest}`)
  return join(cache, 'linux', key.slice(0, 24))
}

/** The image in the cache, or undefined if it is absent or damaged. */
async function load(cache: string, packages: FetchedPackages, partsDigest: string): Promise<LinuxImage | undefined> {
  const directory = imageDirectory(cache, packages, partsDigest)
  const [text, bzimage, vmlinux, initrd] = await Promise.all(
    ['meta.json', 'bzimage', 'vmlinux', 'initrd'].map((name) => readIfPresent(join(directory, name))),
  )
  if (text === undefined || bzimage === undefined || vmlinux === undefined || initrd === undefined) return undefined
  const meta = v.safeParse(metaSchema, parseJson(text.toString('utf8')))
  if (!meta.success) return undefined
  const { digests, kernelVersion } = meta.output
  if (digests.bzimage !== sha256(bzimage) || digests.vmlinux !== sha256(vmlinux) || digests.initrd !== sha256(initrd)) {
    return undefined
  }
  return { kernelVersion, bzimage, vmlinux, initrd, digests, packages: [packages.kernel, packages.busybox] }
}

async function allReadable(cache: string, packages: FetchedPackages): Promise<boolean> {
  try {
    for (const item of [packages.kernel, packages.busybox]) await readPackage(cache, item)
    return true
  } catch {
    return false
  }
}

async function build(
  cache: string,
  packages: FetchedPackages,
  parts: Parts,
  progress: (line: string) => void,
): Promise<LinuxImage> {
  const directory = imageDirectory(cache, packages, parts.digest)
  const scratch = `${directory}.${process.pid}`
  await rm(scratch, { recursive: true, force: true })
  await mkdir(scratch, { recursive: true })
  try {
    progress(`unpacking kernel ${packages.kernel.version}`)
    const kernel = await extractKernel(packageFile(cache, packages.kernel), MODULES, scratch)
    progress('writing the initramfs')
    const busybox = await unpackBusybox(packageFile(cache, packages.busybox), scratch)
    const initrd = buildInitramfs({ ...parts, busybox, modules: kernel.modules })
    const digests = { bzimage: sha256(kernel.bzimage), vmlinux: sha256(kernel.vmlinux), initrd: sha256(initrd) }

    const files = { bzimage: kernel.bzimage, vmlinux: kernel.vmlinux, initrd }
    for (const [name, data] of Object.entries(files)) await writeFile(join(scratch, name), data)
    await writeAtomically(
      join(scratch, 'meta.json'),
      `${JSON.stringify({ kernelVersion: kernel.release, digests }, null, 2)}\n`,
    )
    // The directory appears whole under its final name, so a reader without the lock never sees half a build.
    await rm(directory, { recursive: true, force: true })
    await rename(scratch, directory)
    await dropOldBuilds(cache, directory)
    return { kernelVersion: kernel.release, ...files, digests, packages: [packages.kernel, packages.busybox] }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function unpackBusybox(deb: string, scratch: string): Promise<Buffer> {
  const directory = join(scratch, 'busybox')
  await mustRun('dpkg-deb', ['--extract', deb, directory])
  // Debian moves files between /bin and /usr/bin over the releases.
  const found =
    (await readIfPresent(join(directory, 'bin', 'busybox'))) ??
    (await readIfPresent(join(directory, 'usr', 'bin', 'busybox')))
  await rm(directory, { recursive: true, force: true })
  if (found === undefined) throw new ImageError('invalid', 'The busybox-static package holds no busybox.')
  return found
}

/** Keeps the newest builds only: each is some 30 MB. */
async function dropOldBuilds(cache: string, current: string): Promise<void> {
  const root = join(cache, 'linux')
  const builds = await Promise.all(
    (await readdir(root)).map(async (name) => ({
      path: join(root, name),
      time: (await stat(join(root, name))).mtimeMs,
    })),
  )
  const others = builds.filter((entry) => entry.path !== current).sort((a, b) => b.time - a.time)
  for (const { path } of others.slice(KEPT_BUILDS - 1)) await rm(path, { recursive: true, force: true })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
