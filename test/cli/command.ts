/** Runs the real command as a process of its own, with measurements and sockets in a folder of the test. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../engine/cli/main.ts', import.meta.url))

/** What compiles guests' code as in this process (vitest.config.ts). */
const FLAGS = process.execArgv.filter((flag) => flag === '--liftoff-only')

export interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export class Sandbox {
  readonly folder = mkdtempSync(join(tmpdir(), 'ferry-cli-'))
  readonly #main: string

  /** @param main the script that is run: the `ferry` command, or another one of the project */
  constructor(main = MAIN) {
    this.#main = main
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
    const child = spawn(process.execPath, [...FLAGS, this.#main, ...args], {
      cwd: this.folder,
      env: {
        ...process.env,
        FERRY_DATA: join(this.folder, 'data'),
        XDG_DATA_HOME: join(this.folder, 'data'),
        XDG_RUNTIME_DIR: this.folder,
        // Machines that lie ready cost each command more than they save one that moves a guest once.
        FERRY_STANDBY: 'off',
        ...env,
      },
    })
    return new Running(child)
  }

  /** Runs to the end. */
  ferry(...args: string[]): Promise<Result> {
    const running = this.start(args)
    running.child.stdin.end()
    return running.ended
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export class Running {
  readonly child: ChildProcessWithoutNullStreams
  readonly ended: Promise<Result>
  stdout = ''
  stderr = ''

  constructor(child: ChildProcessWithoutNullStreams) {
    this.child = child
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    child.stdin.on('error', () => {})
    this.ended = new Promise((resolve) => {
      child.on('close', (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }))
    })
  }

  write(text: string): void {
    this.child.stdin.write(text)
  }

  /** Waits until what came so far matches. */
  async until(stream: 'stdout' | 'stderr', pattern: RegExp, timeoutMs = 60_000): Promise<void> {
    const deadline = performance.now() + timeoutMs
    while (!pattern.test(this[stream])) {
      if (performance.now() > deadline || this.child.exitCode !== null) {
        throw new Error(`No ${pattern.source} on ${stream}:\n${this.stdout}\n--- stderr\n${this.stderr}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

/** Reads RFC 4180. */
export function parseCsv(text: string): Record<string, string>[] {
  const rows: string[][] = [[]]
  let field = ''
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const at = text[i]
    if (quoted) {
      if (at === '"' && text[i + 1] === '"') field += text[++i]
      else if (at === '"') quoted = false
      else field += at
    } else if (at === '"') quoted = true
    else if (at === ',' || at === '\r') {
      rows.at(-1)?.push(field)
      field = ''
      if (at === '\r' && text[++i] === '\n' && i + 1 < text.length) rows.push([])
    } else field += at
  }
  const [header = [], ...body] = rows
  return body.map((row) => Object.fromEntries(header.map((name, i) => [name, row[i] ?? ''])))
}
