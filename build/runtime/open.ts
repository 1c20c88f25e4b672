/** Runs the app in an Electron, and tells a window that could not be opened from an app that has ended. */
import { spawn } from 'node:child_process'
import { sandboxProblem } from './display.ts'
import type { Runtime } from './find.ts'

/** What the shell of a Unix system says of a program that it cannot run: a library is missing, mostly. */
const CANNOT_RUN = 127
/** Chromium tells of every service of a desktop that is not there. `npm start -- --log-level=0` shows it. */
const QUIET = ['--log-level=3']
/** As npm and the terminal send them. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export type AppEnd =
  | { readonly code: number }
  /** It ended by itself before there was a window: a sentence for the user. */
  | { readonly problem: string }

/**
 * @param args the app's folder, then what the user added
 * @returns when the app has ended
 */
export function openApp(
  { program, origin }: Pick<Runtime, 'program' | 'origin'>,
  args: readonly string[],
  say: (line: string) => void,
): Promise<AppEnd> {
  const noSandbox = sandboxProblem(program)
  if (noSandbox !== undefined) say(`Chromium's own sandbox is off: ${noSandbox}.`)
  const environment: NodeJS.ProcessEnv = { ...process.env, FERRY_NODE: process.execPath }
  // Set in the terminals of some editors: the program would be a plain Node.
  delete environment['ELECTRON_RUN_AS_NODE']
  const child = spawn(program, [...QUIET, ...(noSandbox === undefined ? [] : ['--no-sandbox']), ...args], {
    // The app says `window` over the channel when it shows one (electron/main.ts).
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: environment,
  })
  let shown = false
  let interrupted = false
  child.once('message', () => {
    shown = true
    child.disconnect()
  })
  // Ctrl-C reaches the app as well; it ends, and then we do.
  const pass = (signal: NodeJS.Signals): void => {
    interrupted = true
    child.kill(signal)
  }
  for (const signal of SIGNALS) process.on(signal, pass)
  const failed = (how: string): AppEnd => ({
    problem: `Electron (${origin}, ${program}) could not open a window: ${how}.`,
  })
  return new Promise<AppEnd>((resolve) => {
    child.on('error', ({ message }) => resolve(failed(message)))
    child.on('exit', (code, signal) => {
      if (shown || interrupted || code === 0) resolve({ code: code ?? 1 })
      else if (code === CANNOT_RUN) resolve(failed('a library that it needs is missing (see above)'))
      else resolve(failed(signal === null ? `exit code ${code}` : `signal ${signal}`))
    })
  }).finally(() => {
    for (const signal of SIGNALS) process.off(signal, pass)
  })
}
