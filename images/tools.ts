/** Runs the few programs of the system that image building needs, with a bounded wait and sentences for errors. */
import { spawn } from 'node:child_process'
import { errorCode } from './cache.ts'
import { ImageError } from './errors.ts'

export interface ToolResult {
  readonly status: number
  readonly stdout: Buffer
  readonly stderr: string
}

export interface ToolOptions {
  readonly cwd?: string
  /** Default two minutes. */
  readonly timeoutMs?: number
}

/**
 * Runs a program to its end and returns what it said, whatever its exit status.
 * Throws {@link ImageError} `platform` if the program does not exist, `tool` if it takes too long.
 */
export async function runTool(
  program: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const timeoutMs = options.timeoutMs ?? 120_000
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    let late = false
    const timer = setTimeout(() => {
      late = true
      child.kill('SIGKILL')
    }, timeoutMs)
    child.on('error', (cause) => {
      clearTimeout(timer)
      const missing = errorCode(cause) === 'ENOENT'
      reject(
        new ImageError(
          missing ? 'platform' : 'tool',
          missing
            ? `The program "${program}" is not installed here.`
            : `"${program}" could not be started: ${cause.message}`,
          { cause },
        ),
      )
    })
    child.on('close', (status) => {
      clearTimeout(timer)
      if (late) reject(new ImageError('tool', `"${program}" did not end within ${timeoutMs / 1000} s.`))
      else resolve({ status: status ?? -1, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString('utf8') })
    })
  })
}

/** Like {@link runTool}, and throws {@link ImageError} `tool` unless the exit status is 0. */
export async function mustRun(program: string, args: readonly string[], options: ToolOptions = {}): Promise<Buffer> {
  const result = await runTool(program, args, options)
  if (result.status !== 0) {
    const last = result.stderr.trim().split('\n').at(-1) ?? ''
    throw new ImageError('tool', `"${program} ${args[0] ?? ''}" failed with status ${result.status}: ${last}`)
  }
  return result.stdout
}
