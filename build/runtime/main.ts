/**
 * `npm start`: opens the app in a window of its own. Where no window can be opened it says why, and serves the same app
 * to a browser of this computer, as `ferry serve` does. What the user adds goes to Electron, or to `ferry serve`.
 * Exit codes: that of the app, or of `ferry serve`.
 */
import { enableCompileCache } from 'node:module'
import { dirname, join } from 'node:path'
import { cacheDirectory } from '../../images/cache.ts'

// Compiled code is kept between starts: where the `ferry` command keeps its own, too.
enableCompileCache(join(dirname(cacheDirectory()), 'code'))
const { builtPage } = await import('../../engine/serve/built-page.ts')
const { COMPILED, compile, PROJECT } = await import('../compile.ts')
const { hasDisplay } = await import('./display.ts')
const { findRuntime, NoRuntime } = await import('./find.ts')
const { openApp } = await import('./open.ts')

const say = (line: string): void => console.error(line)
const added = process.argv.slice(2)

const problem = await inWindow()
if (problem !== undefined) {
  say(`${problem}\nBrowser mode instead: the same lab, in a browser of this computer.`)
  process.argv.splice(2, Infinity, 'serve', ...added)
  await import('../../engine/cli/main.ts')
}

/** Resolves when the app has ended, or with why no window can be opened here. */
async function inWindow(): Promise<string | undefined> {
  if (!hasDisplay()) return 'There is no display to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set).'
  try {
    const runtime = await findRuntime({ note: say })
    await Promise.all([compile(), builtPage(PROJECT, { build: true, note: say })])
    const end = await openApp(runtime, [COMPILED, ...added], say)
    if ('problem' in end) return end.problem
    process.exitCode = end.code
    return undefined
  } catch (error) {
    if (error instanceof NoRuntime) return error.message
    throw error
  }
}
