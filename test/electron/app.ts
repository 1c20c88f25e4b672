/** Starts the real app in a real Electron, with data and window state in a folder of the test. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { _electron, type ElectronApplication, errors, type Page } from 'playwright-core'
import { COMPILED, compile } from '../../build/compile.ts'
import { findRuntime, NoRuntime, type Runtime } from '../../build/runtime/find.ts'
import { because } from '../setup/needs.ts'
import { type Display, noDisplay, openDisplay } from './display.ts'

const PAGE = fileURLToPath(new URL('./page', import.meta.url))
const HOLD = new URL('./hold.js', import.meta.url).href

/** A second or two where nothing else runs. */
const START_MS = 40_000
/** A fraction of a second. */
const FRAME_MS = 15_000

export interface Setting {
  readonly runtime: Runtime
  readonly display: Display
}

/** Whether the real app can be tested here: a display and an Electron, which is fetched where it is not there. */
export async function here() {
  const reason = noDisplay() ?? (await runtime.then(({ problem }) => problem))
  return {
    reason,
    /** For the title of what is left out. */
    because: because(reason),
    setting: async (): Promise<Setting> => {
      const { found } = await runtime
      if (found === undefined) throw new Error(reason)
      await compile()
      return { runtime: found, display: await openDisplay() }
    },
  }
}

const runtime = findRuntime({ note: (line) => console.error(line) }).then(
  (found) => ({ found, problem: undefined }),
  (error: unknown) => {
    if (!(error instanceof NoRuntime)) throw error
    return { found: undefined, problem: error.message }
  },
)

export class App {
  readonly electron: ElectronApplication
  readonly page: Page
  readonly folder: string

  private constructor(electron: ElectronApplication, page: Page, folder: string) {
    this.electron = electron
    this.page = page
    this.folder = folder
  }

  static async start(
    { runtime, display }: Setting,
    options: { env?: Record<string, string>; folder?: string; renderer?: string } = {},
  ): Promise<App> {
    const folder = options.folder ?? newFolder()
    const launch = () =>
      _electron.launch({
        timeout: START_MS,
        // As the system has it, not as Playwright pretends.
        colorScheme: null,
        executablePath: runtime.program,
        args: launchArguments(folder),
        env: environment(display, folder, {
          FERRY_TEST_FIRST: HOLD,
          FERRY_TEST_RENDERER: options.renderer ?? PAGE,
          ...options.env,
        }),
      })
    // A start that hangs is Electron's or Playwright's, and no test is about it; Playwright has ended it.
    const electron = await launch().catch((error: unknown) => {
      if (!(error instanceof errors.TimeoutError)) throw error
      console.error(`The app did not start within ${START_MS / 1000} s; it is started once more. ${error.message}`)
      return launch()
    })
    const page = await electron.firstWindow({ timeout: START_MS })
    if (await draws(page)) return new App(electron, page, folder)
    console.error(`The window was not drawn within ${FRAME_MS / 1000} s; it is started once more.`)
    await electron.close()
    const again = await launch()
    return new App(again, await again.firstWindow({ timeout: START_MS }), folder)
  }

  /** The page is connected to the lab for the n-th time. */
  async connected(times = 1): Promise<void> {
    await this.until(`window.connections >= ${times} && document.querySelector('#hosts').textContent !== ''`)
  }

  /** Playwright's own waiting evaluates in the page, which our policy refuses. */
  async until(condition: string, timeoutMs = 60_000): Promise<void> {
    const deadline = performance.now() + timeoutMs
    while (!(await this.page.evaluate<boolean>(condition))) {
      if (performance.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${condition}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async close(keepFolder = false): Promise<void> {
    await this.electron.close()
    if (!keepFolder) rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Whether frames come: at times Chromium draws none on a virtual display, and nothing in the window can be clicked. */
async function draws(page: Page): Promise<boolean> {
  const deadline = performance.now() + FRAME_MS
  const late = new Promise<false>((resolve) => setTimeout(resolve, FRAME_MS, false).unref())
  while (performance.now() < deadline) {
    // One that belongs to a document that is left is asked for again.
    const frame = page.evaluate<true>('new Promise((done) => requestAnimationFrame(() => done(true)))')
    const drawn = await Promise.race([frame.catch(() => null), late])
    if (drawn !== null) return drawn
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return false
}

export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'ferry-app-'))

export const launchArguments = (folder: string): string[] => [
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  `--user-data-dir=${join(folder, 'config')}`,
  COMPILED,
]

export function environment(display: Display, folder: string, extra: Record<string, string> = {}) {
  const { ELECTRON_RUN_AS_NODE: _, WAYLAND_DISPLAY: __, ...rest } = process.env
  return {
    ...(rest as Record<string, string>),
    ...(display.name === '' ? {} : { DISPLAY: display.name }),
    FERRY_NODE: process.execPath,
    FERRY_DATA: join(folder, 'data'),
    XDG_RUNTIME_DIR: folder,
    ...extra,
  }
}
