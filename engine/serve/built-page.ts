/** The built page in a checkout: made with vite where it is missing or older than its sources. */
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FerryError } from '../util/errors.ts'

/** What the page is made from, under the project's folder. */
const SOURCES = ['renderer/index.html', 'renderer/src', 'renderer/public', 'engine', 'build/vite.config.ts']
const PAGE = 'renderer/dist'

/**
 * @param project folder of the project, an absolute path
 * @param options `build`: false takes the page as it is; `note` gets lines about long work
 * @returns folder of the page
 * @throws FerryError `web.page` (there is none, and it cannot be made here), `web.build`
 */
export async function builtPage(
  project: string,
  options: { build: boolean; note: (line: string) => void },
): Promise<string> {
  const folder = join(project, PAGE)
  const built_ms = await newest(join(folder, 'index.html'))
  if (built_ms === null && !options.build) throw missing(folder, 'Leave --no-build away to have it built.')
  if (!options.build) return folder
  const sources_ms = Math.max(...(await Promise.all(SOURCES.map((path) => newest(join(project, path))))).map(Number))
  // A packed app has the page and no sources.
  if (built_ms !== null && built_ms >= sources_ms) return folder
  const vite = await loadVite()
  if (vite === null) {
    if (built_ms === null) throw missing(folder, 'It is built with vite: run `npm ci` in the checkout, then try again.')
    options.note(
      'The page is older than its sources, and vite, which builds it, is not installed. It is served as it is.',
    )
    return folder
  }
  options.note('Building the page …')
  // Beside, then moved: two that build at the same time do not end up with half of each.
  const fresh = join(project, '.cache', `page-${process.pid}`)
  try {
    const configFile = join(project, 'build/vite.config.ts')
    await vite.build({ configFile, logLevel: 'error', build: { outDir: fresh, emptyOutDir: true } })
    await rm(folder, { recursive: true, force: true })
    await rename(fresh, folder)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new FerryError('web.build', `The page could not be built: ${why}`, {}, cause)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return folder
}

/** Null where it is not installed, as in a packed app. */
async function loadVite() {
  try {
    return await import('vite')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return null
    throw error
  }
}

/** Time of the newest change to a file, or to a folder and all in it; null where there is none. */
async function newest(path: string): Promise<number | null> {
  const stats = await stat(path).catch(() => null)
  if (stats === null || !stats.isDirectory()) return stats?.mtimeMs ?? null
  const names = await readdir(path)
  const times = await Promise.all(names.map((name) => newest(join(path, name))))
  // The folder's own time tells of files that were removed.
  return Math.max(stats.mtimeMs, ...times.map(Number))
}

const missing = (folder: string, advice: string) =>
  new FerryError('web.page', `There is no built page in ${folder}. ${advice}`, { folder })
