/** The user's side of an interactive console: a raw terminal, a pipe, or a script; and lines of Ferry's own. */
import { createReadStream } from 'node:fs'
import { once } from 'node:events'
import { FerryError } from '../util/errors.ts'

export interface Terminal {
  /** True where a person types: raw mode. */
  readonly interactive: boolean
  /** What is typed, in order. Ends with the pipe or script. */
  readonly input: AsyncIterable<Uint8Array>
  /** The guest's output. */
  show(bytes: Uint8Array): void
  /** A line of Ferry's own, on stderr. */
  say(line: string): void
  close(): void
}

/** @param script a file to read input from; `-`: stdin, taken as a script even where it is a terminal
 * @throws FerryError `script.read` */
export async function openTerminal(script: string | undefined): Promise<Terminal> {
  const raw = script === undefined && process.stdin.isTTY
  const stream = script === undefined || script === '-' ? process.stdin : await openScript(script)
  if (raw) process.stdin.setRawMode(true)
  let column = 0
  return {
    interactive: raw,
    input: stream as AsyncIterable<Uint8Array>,
    show(bytes) {
      if (bytes.length > 0) column = bytes[bytes.length - 1] === 10 ? 0 : 1
      process.stdout.write(bytes)
    },
    say(line) {
      // Nothing of the guest's line is overwritten where both are seen together.
      const fresh = column === 0 || !process.stdout.isTTY ? '' : raw ? '\r\n' : '\n'
      column = 0
      process.stderr.write(`${fresh}[ferry] ${line}${raw ? '\r\n' : '\n'}`)
    },
    close() {
      if (raw) process.stdin.setRawMode(false)
      stream.destroy()
    },
  }
}

async function openScript(path: string) {
  const stream = createReadStream(path)
  try {
    await once(stream, 'open')
    return stream
  } catch (cause) {
    throw new FerryError('script.read', `The script ${path} cannot be read.`, { path }, cause)
  }
}
