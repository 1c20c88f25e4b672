/**
 * The guest's first serial port as a pair of named pipes (QEMU's `-chardev pipe`). A pipe can be read at both of its ends:
 * what was typed and has not been taken by the UART yet can be taken back when the guest moves on, so that no byte is
 * lost and none comes twice. (Of a socket nobody could tell what QEMU has read.)
 */
import { execFile } from 'node:child_process'
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Socket } from 'node:net'
import { promisify } from 'node:util'
import { FerryError } from '../util/errors.ts'

const CHUNK_BYTES = 64 * 1024
const run = promisify(execFile)

export class SerialLine {
  /** Arguments of QEMU. */
  readonly arguments: readonly string[]
  readonly #input: number
  readonly #output: number
  readonly #socket: Socket
  readonly #listener: (bytes: Uint8Array) => void
  readonly #buffer = Buffer.alloc(CHUNK_BYTES)
  #closed = false

  private constructor(path: string, input: number, output: number, listener: (bytes: Uint8Array) => void) {
    this.arguments = ['-chardev', `pipe,id=serial0,path=${path}`, '-serial', 'chardev:serial0']
    this.#input = input
    this.#output = output
    this.#listener = listener
    this.#socket = new Socket({ fd: output, readable: true, writable: false })
    this.#socket.on('data', (bytes: Buffer) => listener(Uint8Array.from(bytes)))
    this.#socket.on('error', () => undefined)
  }

  /**
   * @param folder for the two pipes
   * @param listener takes what the guest writes
   * @throws FerryError `qemu.serial`
   */
  static async open(folder: string, listener: (bytes: Uint8Array) => void): Promise<SerialLine> {
    const path = join(folder, 'serial')
    const flags = constants.O_RDWR | constants.O_NONBLOCK
    try {
      await run('mkfifo', ['-m', '600', `${path}.in`, `${path}.out`])
      return new SerialLine(path, openSync(`${path}.in`, flags), openSync(`${path}.out`, flags), listener)
    } catch (thrown) {
      const message = 'The pipes of the serial port could not be made; no guest was started.'
      throw new FerryError('qemu.serial', message, { folder }, thrown)
    }
  }

  /** Types; takes as many bytes as have room. @returns how many, the first ones */
  write(bytes: Uint8Array): number {
    if (this.#closed || bytes.length === 0) return 0
    return nothingNow(() => writeSync(this.#input, bytes))
  }

  /** What was typed and the UART has not taken: it is here now, and nowhere else. */
  takeBack(): Uint8Array<ArrayBuffer> {
    return this.#readAll(this.#input)
  }

  /** Hands on what the guest has written so far, before this returns. */
  drain(): void {
    const bytes = this.#readAll(this.#output)
    if (bytes.length > 0) this.#listener(bytes)
  }

  close(): void {
    if (this.#closed) return
    this.drain()
    this.#closed = true
    // The socket closes its own descriptor.
    this.#socket.destroy()
    closeSync(this.#input)
  }

  #readAll(descriptor: number): Uint8Array<ArrayBuffer> {
    const parts: Buffer[] = []
    for (;;) {
      const length = this.#closed ? 0 : nothingNow(() => readSync(descriptor, this.#buffer))
      if (length === 0) return Uint8Array.from(Buffer.concat(parts))
      parts.push(Buffer.from(this.#buffer.subarray(0, length)))
    }
  }
}

/** 0 where the pipe is empty, or full, at this moment. */
function nothingNow(call: () => number): number {
  try {
    return call()
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EAGAIN') return 0
    throw thrown
  }
}
