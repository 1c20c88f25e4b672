/** Results go to stdout, everything about the way there to stderr. */
import { writeSync } from 'node:fs'

/** Writes a result. */
export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2))
}

/** Writes a line that is no result. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** A reader that has seen enough (`ferry runs list | head`) is no error. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}

/** Ends the process when everything written has been handed over; open timers and sockets do not keep it. */
export async function leave(code: number): Promise<never> {
  process.exitCode = code
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0 && !stream.destroyed) await new Promise((resolve) => stream.write('', resolve))
  }
  process.exit(code)
}

/** For the last words of a process that ends at once. */
export function sayNow(line: string): void {
  try {
    writeSync(2, `${line}\n`)
  } catch {
    // Nobody listens; there is nothing left to do with it.
  }
}
