/**
 * Obtains the Debian packages the Linux guest is made of, from whatever sources the machine's apt is configured with,
 * without root and without touching the system: lists, cache and status are private.
 *
 * What is trusted: apt checks the signature of each source's index, and the index holds every package's SHA-256. That
 * digest is compared again here, and with `packages.lock.json` where it knows the same version.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { readIfPresent, sha256, writeAtomically } from '../cache.ts'
import { ImageError } from '../errors.ts'
import { mustRun, runTool } from '../tools.ts'

/** A package as apt's index describes it. */
export interface DebianPackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
  /** Bytes of the .deb. */
  readonly size: number
  readonly sha256: string
}

export interface FetchedPackages {
  readonly kernel: DebianPackage
  readonly busybox: DebianPackage
}

const DEBIAN_ARCHITECTURE = 'i386'
const KERNEL_META_PACKAGE = 'linux-image-686'
const BUSYBOX_PACKAGE = 'busybox-static'
const LOCK_FILE = new URL('packages.lock.json', import.meta.url)

const packageSchema = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9.+-]+$/)),
  version: v.pipe(v.string(), v.regex(/^[0-9A-Za-z.:~+-]+$/)),
  architecture: v.string(),
  size: v.pipe(v.number(), v.integer(), v.minValue(1)),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
})
const fetchedSchema = v.strictObject({ kernel: packageSchema, busybox: packageSchema })
const lockSchema = v.strictObject({ packages: v.array(packageSchema) })

/** The path of a fetched package in the cache. */
export function packageFile(cache: string, item: DebianPackage): string {
  return join(cache, 'debs', `${item.name}_${item.sha256.slice(0, 16)}.deb`)
}

/** The packages fetched last time, from the cache alone, or undefined. */
export async function cachedPackages(cache: string): Promise<FetchedPackages | undefined> {
  const text = await readIfPresent(join(cache, 'debs', 'packages.json'))
  if (text === undefined) return undefined
  const parsed = v.safeParse(fetchedSchema, safeJson(text.toString('utf8')))
  return parsed.success ? parsed.output : undefined
}

/**
 * Fetches the newest kernel and BusyBox packages into the cache and verifies them. `progress` gets one line per step.
 * Throws {@link ImageError}: `platform` (no apt, not Linux), `network`, `not-found`, `digest`.
 */
export async function fetchPackages(cache: string, progress: (line: string) => void): Promise<FetchedPackages> {
  if (process.platform !== 'linux') {
    throw new ImageError('platform', 'The Linux guest can only be built on Linux with apt; LabOS needs neither.')
  }
  const apt = await privateApt(join(cache, 'apt'))
  progress('reading package indices')
  const update = await runTool('apt-get', [...apt, 'update'])
  const meta = await describe(apt, KERNEL_META_PACKAGE).catch((cause: unknown) => {
    if (update.status === 0) throw cause
    throw new ImageError(
      'network',
      'The package sources configured for apt cannot be reached; the Linux guest needs them once.',
      {
        cause,
      },
    )
  })
  // apt leaves out an index it cannot verify, and says so; the other sources are still good.
  if (update.status !== 0) progress('warning: apt could not use every index, so a newer version may be missed')

  const realName = /(?:^|[\s,])(linux-image-[0-9][^\s,]*)/.exec(meta.depends)?.[1]
  if (realName === undefined) {
    throw new ImageError(
      'not-found',
      `${KERNEL_META_PACKAGE} names no kernel package (its dependencies are "${meta.depends}").`,
    )
  }
  const lock = await readLock()
  const obtain = async (name: string): Promise<DebianPackage> => {
    const item = (await describe(apt, name)).item
    const known = lock.find((entry) => entry.name === item.name && entry.version === item.version)
    if (known !== undefined && known.sha256 !== item.sha256) {
      throw new ImageError(
        'digest',
        `${item.name} ${item.version} has another digest in apt's index than in packages.lock.json.`,
      )
    }
    await download(apt, cache, item, progress)
    return item
  }
  const fetched = { kernel: await obtain(realName), busybox: await obtain(BUSYBOX_PACKAGE) }
  await writeAtomically(join(cache, 'debs', 'packages.json'), `${JSON.stringify(fetched, null, 2)}\n`)
  return fetched
}

/** Reads a fetched package and checks its digest. Throws {@link ImageError} `digest`, also when it is gone. */
export async function readPackage(cache: string, item: DebianPackage): Promise<Buffer> {
  const bytes = await readIfPresent(packageFile(cache, item))
  if (bytes === undefined || sha256(bytes) !== item.sha256) {
    throw new ImageError('digest', `The cached package ${item.name} is missing or damaged.`)
  }
  return bytes
}

/** Arguments that give apt a private state. A file, because only a file can clear lists such as the system's update hooks. */
async function privateApt(directory: string): Promise<string[]> {
  await mkdir(join(directory, 'lists', 'partial'), { recursive: true })
  await mkdir(join(directory, 'cache', 'archives', 'partial'), { recursive: true })
  const quoted = (path: string): string => `"${path.replaceAll('"', '')}"`
  const file = join(directory, 'apt.conf')
  await writeFile(
    file,
    [
      '#clear APT::Architectures;',
      '#clear APT::Update::Pre-Invoke;',
      '#clear APT::Update::Post-Invoke;',
      '#clear APT::Update::Post-Invoke-Success;',
      '#clear DPkg::Post-Invoke;',
      `APT::Architecture "${DEBIAN_ARCHITECTURE}";`,
      `APT::Architectures { "${DEBIAN_ARCHITECTURE}"; };`,
      // Never weaker than apt's default, whatever the machine's configuration says.
      'APT::Get::AllowUnauthenticated "false";',
      'Acquire::AllowInsecureRepositories "false";',
      'Acquire::Languages "none";',
      'Acquire::Retries "2";',
      `Dir::State::Lists ${quoted(join(directory, 'lists'))};`,
      'Dir::State::status "/dev/null";',
      `Dir::Cache ${quoted(join(directory, 'cache'))};`,
      '',
    ].join('\n'),
  )
  return ['-q', '-c', file]
}

/** What apt's verified index says about the version apt would install. */
async function describe(apt: readonly string[], name: string): Promise<{ item: DebianPackage; depends: string }> {
  const result = await runTool('apt-cache', [...apt, 'show', '--no-all-versions', name])
  const field = (key: string): string =>
    new RegExp(`^${key}: (.*)$`, 'm').exec(result.stdout.toString('utf8'))?.[1] ?? ''
  const parsed = v.safeParse(packageSchema, {
    name: field('Package'),
    version: field('Version'),
    architecture: field('Architecture'),
    size: Number(field('Size')),
    sha256: field('SHA256'),
  })
  if (result.status !== 0 || !parsed.success || parsed.output.name !== name) {
    throw new ImageError('not-found', `The configured package sources have no ${name} for ${DEBIAN_ARCHITECTURE}.`)
  }
  return { item: parsed.output, depends: field('Depends') }
}

async function download(
  apt: readonly string[],
  cache: string,
  item: DebianPackage,
  progress: (line: string) => void,
): Promise<void> {
  const present = await readIfPresent(packageFile(cache, item))
  if (present !== undefined && sha256(present) === item.sha256) return
  progress(`downloading ${item.name} ${item.version} (${(item.size / 1e6).toFixed(1)} MB)`)
  const directory = join(cache, 'debs', `incoming.${process.pid}`)
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  try {
    await mustRun('apt-get', [...apt, 'download', `${item.name}=${item.version}`], {
      cwd: directory,
      timeoutMs: 600_000,
    })
    const file = (await readdir(directory)).find((entry) => entry.endsWith('.deb'))
    if (file === undefined) throw new ImageError('network', `apt did not deliver ${item.name}.`)
    const bytes = await readFile(join(directory, file))
    if (bytes.length !== item.size || sha256(bytes) !== item.sha256) {
      throw new ImageError('digest', `${item.name} ${item.version} does not have the digest that apt's index gives.`)
    }
    await rename(join(directory, file), packageFile(cache, item))
  } catch (error) {
    if (error instanceof ImageError && error.code === 'tool') {
      throw new ImageError('network', `${item.name} could not be downloaded: ${error.message}`, { cause: error })
    }
    throw error
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function readLock(): Promise<readonly DebianPackage[]> {
  const parsed = v.safeParse(lockSchema, safeJson(await readFile(LOCK_FILE, 'utf8')))
  if (!parsed.success) throw new ImageError('invalid', 'images/linux/packages.lock.json is malformed.')
  return parsed.output.packages
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
