/**
 * `npm run app`: opens the app. What goes before its folder are Electron's own switches, what the user adds comes last.
 * Exit codes: that of the app; 69 where no window can be opened here (EX_UNAVAILABLE), after saying what would do.
 */
import { spawn } from 'node:child_process'
import { builtPage } from '../../engine/serve/built-page.ts'
import { COMPILED, compile, PROJECT } from '../compile.ts'
import { hasDisplay, sandboxProblem } from './display.ts'
import { findRuntime, NoRuntime } from './find.ts'

const UNAVAILABLE = 69
const BROWSER_MODE = 'Browser mode shows the same lab in your browser: npm run serve'

const say = (line: string): void => console.error(line)

if (!hasDisplay()) {
  say(`There is no display here to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set).\n${BROWSER_MODE}`)
  process.exit(UNAVAILABLE)
}
const runtime = await findRuntime({ note: say }).catch((error: unknown) => {
  if (!(error instanceof NoRuntime)) throw error
  say(`${error.message}\n${BROWSER_MODE}`)
  process.exit(UNAVAILABLE)
})
await compile()
await builtPage(PROJECT, { build: true, note: say })

const problem = sandboxProblem(runtime.program)
if (problem !== undefined) say(`Chromium's own sandbox is off: ${problem}.`)
const environment: NodeJS.ProcessEnv = { ...process.env, FERRY_NODE: process.execPath }
// Set in the terminals of some editors: the program would be a plain Node.
delete environment['ELECTRON_RUN_AS_NODE']
const child = spawn(
  runtime.program,
  [...(problem === undefined ? [] : ['--no-sandbox']), COMPILED, ...process.argv.slice(2)],
  { stdio: 'inherit', env: environment },
)
child.on('error', ({ message }) => {
  say(`Electron (${runtime.origin}, ${runtime.program}) could not be started: ${message}\n${BROWSER_MODE}`)
  process.exitCode = UNAVAILABLE
})
// Ctrl-C reaches the app as well; it ends, and then we do.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
child.on('close', (code) => (process.exitCode ??= code ?? 1))
