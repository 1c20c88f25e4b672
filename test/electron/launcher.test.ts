/** `npm start`: a window where one can be opened; else it says why, and the same app is there for a browser. */
import { chmodSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { type Running, Sandbox } from '../cli/command.ts'
import { variants } from '../setup/variants.ts'
import { here } from './app.ts'

const MAIN = fileURLToPath(new URL('../../build/runtime/main.ts', import.meta.url))
const place = await here()

const sandbox = new Sandbox(MAIN)
let running: Running | undefined
afterEach(async () => {
  running?.child.kill('SIGKILL')
  await running?.ended
})
afterAll(() => sandbox.remove())

/** With nothing to open a window with, but what is named. */
const start = (env: NodeJS.ProcessEnv, args: string[] = []): Running =>
  (running = sandbox.start(args, {
    DISPLAY: '',
    WAYLAND_DISPLAY: '',
    FERRY_OFFLINE: '1',
    FERRY_CACHE: sandbox.path('cache/images'),
    FERRY_ELECTRON: '',
    ...env,
  }))

/** A program in the place of an Electron. */
function program(name: string, script: string): string {
  const path = sandbox.path(name)
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
  return path
}

/** The page is served until Ctrl-C, which leaves nothing behind. */
async function servesBrowserMode({ child, ended, stdout }: Running): Promise<void> {
  const url = stdout.trim()
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{22}$/)
  expect((await fetch(url)).status).toBe(200)
  child.kill('SIGINT')
  expect((await ended).code).toBe(0)
  await expect(fetch(url)).rejects.toThrow()
  expect(readdirSync(sandbox.path('ferry'))).toEqual([])
}

describe.skipIf(process.platform !== 'linux')('where no window can be opened, it says so and serves a browser', () => {
  const REASONS: readonly [string, () => NodeJS.ProcessEnv, RegExp][] = [
    ['no display', () => ({}), /no display to open a window on/],
    [
      'an Electron that ends without a window',
      () => ({ DISPLAY: ':7', FERRY_ELECTRON: program('ends', 'exit 3') }),
      /could not open a window: exit code 3/,
    ],
  ]
  const OTHER_REASONS: typeof REASONS = [
    [
      'no Electron',
      () => ({ DISPLAY: ':7' }),
      /no Electron to open a window with\. .*FERRY_ELECTRON names no other copy/,
    ],
    [
      'an Electron whose libraries are missing',
      () => ({
        DISPLAY: ':7',
        FERRY_ELECTRON: program('lacks', 'echo "error while loading shared libraries" >&2; exit 127'),
      }),
      /a library that it needs is missing/,
    ],
    [
      'an Electron that cannot be run',
      () => ({ DISPLAY: ':7', FERRY_ELECTRON: sandbox.folder }),
      /could not open a window: spawn .*EACCES/,
    ],
  ]
  test.each(variants(REASONS, OTHER_REASONS))('%s', async (_, env, reason) => {
    const launcher = start(env())
    await launcher.until('stdout', /^http:\S+\n/, 60_000)
    expect(launcher.stderr).toMatch(reason)
    expect(launcher.stderr).toMatch(/Browser mode instead/)
    await servesBrowserMode(launcher)
  })

  test('what is added goes to the server', async () => {
    const launcher = start({}, ['--store', sandbox.path('mine.sqlite')])
    await launcher.until('stdout', /^http:\S+\n/, 60_000)
    await servesBrowserMode(launcher)
    expect(readdirSync(sandbox.folder)).toContain('mine.sqlite')
  })
})

describe.skipIf(place.reason !== undefined)(`where a window can be opened${place.because}`, () => {
  test('it opens one, and Ctrl-C ends it with its lab', async () => {
    const { display, runtime } = await place.setting()
    const launcher = start({ DISPLAY: display.name, FERRY_ELECTRON: runtime.program }, [
      `--user-data-dir=${sandbox.path('config')}`,
      '--enable-logging',
    ])
    // The lab listens for other terminals once it runs.
    await expect.poll(() => readdirSync(sandbox.folder), { timeout: 60_000 }).toContain('config')
    await expect.poll(() => readdirSync(sandbox.path('ferry')).length, { timeout: 60_000 }).toBeGreaterThan(0)
    launcher.child.kill('SIGINT')
    expect((await launcher.ended).code, launcher.stderr).toBe(0)
    expect(launcher.stdout).toBe('')
    expect(readdirSync(sandbox.path('ferry'))).toEqual([])
    display.close()
  })
})
