/**
 * The serial console of a guest, over all the machines that it runs on in its life. Output is one stream; input is a
 * queue from which the present machine takes what its UART can hold, so that a guest that moves loses no character.
 */
import { sleep } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import type { Machine } from '../machine/machine.ts'

/** Output that is kept for whoever connects later, in bytes. */
const KEPT_BYTES = 256 * 1024
/** Input bytes offered at a time: well below what the UART takes. */
const CHUNK_BYTES = 256
const RETRY_MS = 4
/** How long a command of the lab waits for its user to finish the line that is being typed. */
const LINE_WAIT_MS = 10_000
/** Typed ahead without the guest taking any: more is a program gone wild. */
const MAX_QUEUED_BYTES = 1024 * 1024

export class GuestConsole {
  readonly #guest: string
  readonly #listeners = new Set<(bytes: Uint8Array) => void>()
  readonly #listening = new Set<() => void>()
  /** Ends the waits for output, when there will be none. */
  readonly #waiting = new Set<(error: FerryError) => void>()
  #machine: Machine | null = null
  #kept = ''
  /** How much was dropped from the front of `#kept`. */
  #dropped = 0
  /** The user has begun a line and not ended it. */
  #lineOpen = false
  /** What the user types while a command of the lab is being carried out. */
  #held: Uint8Array[] | null = null
  #commands: Promise<unknown> = Promise.resolve()
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #pumping = false
  #closed = false

  constructor(guest: string) {
    this.#guest = guest
  }

  /** Takes the output of a machine that runs the guest, or will. Returns the function that ends it. */
  listen(machine: Machine): () => void {
    const off = machine.on('serial', (bytes) => this.#output(bytes))
    const end = () => {
      this.#listening.delete(end)
      off()
    }
    this.#listening.add(end)
    return end
  }

  /** The guest runs on this machine from now on: input goes there. */
  feed(machine: Machine): void {
    this.#machine = machine
    void this.#pump()
  }

  /** No output will come any more: whoever waits for some is told why. */
  fail(error: FerryError): void {
    for (const reject of [...this.#waiting]) reject(error)
  }

  close(): void {
    this.#closed = true
    this.fail(this.#closedError())
    for (const end of [...this.#listening]) end()
    this.#machine = null
    this.#queue = []
    this.#queuedBytes = 0
  }

  /** @throws FerryError `console.full`, `console.closed` */
  write(data: Uint8Array | string): void {
    if (this.#closed) throw this.#closedError()
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
    if (this.#held !== null) {
      this.#held.push(bytes)
      return
    }
    const last = bytes.at(-1)
    if (last !== undefined) this.#lineOpen = last !== 0x0a && last !== 0x0d
    this.#send(bytes)
  }

  #send(bytes: Uint8Array): void {
    if (this.#queuedBytes + bytes.length > MAX_QUEUED_BYTES) {
      throw new FerryError('console.full', `The guest ${this.#guest} does not read its console; nothing was sent.`, {
        guest: this.#guest,
      })
    }
    this.#queue.push(bytes)
    this.#queuedBytes += bytes.length
    void this.#pump()
  }

  on(_event: 'output', listener: (bytes: Uint8Array) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Output so far, one character a byte; at most the last 256 KiB. */
  get text(): string {
    return this.#kept
  }

  /** Position after the last output, counted from the first byte ever written. */
  get position(): number {
    return this.#dropped + this.#kept.length
  }

  /**
   * Waits until the output after `from` matches.
   * @throws FerryError `console.timeout` with the end of what came instead, `console.closed`, or why the guest ended
   */
  async expect(pattern: RegExp, { timeoutMs, from = this.position }: { timeoutMs: number; from?: number }) {
    const find = () => pattern.exec(this.#kept.slice(Math.max(0, from - this.#dropped)))
    return new Promise<RegExpExecArray>((resolve, reject) => {
      const found = find()
      if (found !== null) return resolve(found)
      if (this.#closed) return reject(this.#closedError())
      const end = () => {
        clearTimeout(timer)
        this.#waiting.delete(ended)
        off()
      }
      const ended = (error: FerryError) => {
        end()
        reject(error)
      }
      this.#waiting.add(ended)
      const off = this.on('output', () => {
        const match = find()
        if (match === null) return
        end()
        resolve(match)
      })
      const timer = setTimeout(() => {
        end()
        const message = `The guest ${this.#guest} did not answer on its console within ${timeoutMs / 1000} s.`
        reject(
          new FerryError('console.timeout', message, {
            guest: this.#guest,
            expected: pattern.source,
            last: this.#kept.slice(-200),
          }),
        )
      }, timeoutMs)
    })
  }

  /**
   * Sends a line and waits for output that matches. One command at a time; what the user types meanwhile waits for its
   * end, and a line that the user has begun is waited for, so that neither spoils the other.
   * @throws FerryError `console.*`
   */
  command(line: string, pattern: RegExp, timeoutMs = 30_000): Promise<RegExpExecArray> {
    const turn = this.#commands.then(() => this.#command(line, pattern, timeoutMs))
    this.#commands = turn.catch(() => undefined)
    return turn
  }

  async #command(line: string, pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    for (let waited = 0; this.#lineOpen && waited < LINE_WAIT_MS && !this.#closed; waited += 10 * RETRY_MS) {
      await sleep(10 * RETRY_MS)
    }
    if (this.#closed) throw this.#closedError()
    const from = this.position
    this.#held = []
    try {
      this.#send(new TextEncoder().encode(`${line}\n`))
      return await this.expect(pattern, { timeoutMs, from })
    } finally {
      const held = this.#held
      this.#held = null
      this.#lineOpen = false
      if (!this.#closed) for (const bytes of held) this.write(bytes)
    }
  }

  #closedError(): FerryError {
    return new FerryError('console.closed', `The guest ${this.#guest} is gone, and its console with it.`, {
      guest: this.#guest,
    })
  }

  /** Output that no machine tells any more, but belongs here. */
  print(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#output(bytes)
  }

  #output(bytes: Uint8Array): void {
    this.#kept += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    if (this.#kept.length > 2 * KEPT_BYTES) {
      this.#dropped += this.#kept.length - KEPT_BYTES
      this.#kept = this.#kept.slice(-KEPT_BYTES)
    }
    for (const listener of this.#listeners) listener(bytes)
  }

  /** One chunk at a time, so that order is kept whichever machine takes it. */
  async #pump(): Promise<void> {
    if (this.#pumping) return
    this.#pumping = true
    try {
      while (this.#queue.length > 0 && !this.#closed) {
        const first = this.#queue[0]
        const taken = await this.#offer(first.subarray(0, CHUNK_BYTES))
        this.#queuedBytes -= taken
        if (taken === first.length) this.#queue.shift()
        else this.#queue[0] = first.subarray(taken)
        // The UART is full, the guest is paused, or it is on its way: the next machine will take it.
        if (taken === 0) await sleep(RETRY_MS)
      }
    } finally {
      this.#pumping = false
    }
  }

  async #offer(bytes: Uint8Array): Promise<number> {
    try {
      return (await this.#machine?.serialWrite(bytes)) ?? 0
    } catch {
      // The machine was shut down before it took anything (calls are answered in order).
      return 0
    }
  }
}
