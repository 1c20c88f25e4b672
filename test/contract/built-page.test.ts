/** The page in a checkout is built when it has to be. */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { builtPage } from '../../engine/serve/built-page.ts'

const ENGINE = fileURLToPath(new URL('../../engine/', import.meta.url))
let project: string
let notes: string[]
const note = (line: string): void => void notes.push(line)

beforeEach(async () => {
  notes = []
  project = await mkdtemp(join(tmpdir(), 'ferry-project-'))
  for (const folder of ['renderer/src', 'build']) await mkdir(join(project, folder), { recursive: true })
  const root = JSON.stringify(join(project, 'renderer'))
  await writeFile(join(project, 'build/vite.config.ts'), `export default { root: ${root}, build: { outDir: 'dist' } }`)
  await writeFile(join(project, 'renderer/index.html'), '<script type="module" src="/src/main.ts"></script>')
  await writeFile(join(project, 'renderer/src/main.ts'), 'document.title = "first"')
})
afterEach(() => rm(project, { recursive: true }))

const script = async (folder: string): Promise<string> => {
  const [name] = await readdir(join(folder, 'assets'))
  return readFile(join(folder, 'assets', name), 'utf8')
}

test('is built where it is missing, again where a source changed, and not otherwise', async () => {
  const folder = await builtPage(project, { build: true, note })
  expect(folder).toBe(join(project, 'renderer/dist'))
  expect(await script(folder)).toContain('first')
  await builtPage(project, { build: true, note })
  expect(notes).toHaveLength(1)
  await writeFile(join(project, 'renderer/src/main.ts'), 'document.title = "second"')
  const soon = new Date(Date.now() + 2000)
  await utimes(join(project, 'renderer/src/main.ts'), soon, soon)
  await builtPage(project, { build: false, note })
  expect(await script(folder)).toContain('first')
  await builtPage(project, { build: true, note })
  expect(await script(folder)).toContain('second')
  expect(notes).toHaveLength(2)
  expect(await readdir(join(project, '.cache'))).toEqual([])
})

test('stays as it was where its sources are wrong, and the error says where', async () => {
  const folder = await builtPage(project, { build: true, note })
  await writeFile(join(project, 'renderer/src/main.ts'), 'import "./missing.ts"')
  const soon = new Date(Date.now() + 2000)
  await utimes(join(project, 'renderer/src/main.ts'), soon, soon)
  await expect(builtPage(project, { build: true, note })).rejects.toMatchObject({
    code: 'web.build',
    message: expect.stringContaining('missing.ts') as string,
  })
  expect(await script(folder)).toContain('first')
})

test('is told to be missing where it may not be built, and where vite is not installed', async () => {
  const missing = { code: 'web.page', message: expect.stringMatching(/no built page in .*--no-build/) as string }
  await expect(builtPage(project, { build: false, note })).rejects.toMatchObject(missing)
  // Where no node_modules is on the way up.
  await cp(join(ENGINE, 'serve/built-page.ts'), join(project, 'engine/serve/built-page.ts'))
  await cp(join(ENGINE, 'util/errors.ts'), join(project, 'engine/util/errors.ts'))
  await writeFile(join(project, 'package.json'), '{ "type": "module" }')
  const code = `
    import { builtPage } from './engine/serve/built-page.ts'
    await builtPage(${JSON.stringify(project)}, { build: true, note: () => {} }).catch((error) => console.log(error.code, error.message))`
  await writeFile(join(project, 'try.ts'), code)
  const { stdout } = await promisify(execFile)(process.execPath, [join(project, 'try.ts')])
  expect(stdout).toMatch(/^web\.page .*npm ci/)
})
