/**
 * One HTTP download over a TCP connection of its own: the client's side, from SYN to FIN. It takes what comes in order
 * and acknowledges each segment; what comes out of order it drops, and the server sends it again. No clock and no
 * network of its own.
 */
import { ACK, FIN, PSH, RST, type Segment, SYN } from './tcp.ts'

/** The first retransmission, as Linux has it at the least (TCP_RTO_MIN, 200 ms); each further one waits twice as long. */
export const FIRST_RETRY_MS = 200
/** Longer than any migration: then the connection is dead. */
export const GIVE_UP_MS = 15_000
/** Room for a whole file: the server never waits for it. */
const WINDOW_BYTES = 65_535
const MAX_RESPONSE_BYTES = 2 ** 20
const HTTP_PORT = 80

export type DownloadState = 'opening' | 'open' | 'done' | 'failed'

export interface DownloadOptions {
  readonly path: string
  readonly port: number
  /** Initial sequence number. */
  readonly sequence: number
  readonly send: (segment: Segment) => void
  readonly atMs: number
}

export class Download {
  state: DownloadState = 'opening'
  readonly port: number
  readonly #request: Uint8Array
  readonly #send: (segment: Segment) => void
  readonly #response: Uint8Array[] = []
  #received = 0
  /** Next byte that we send, and next that we expect. */
  #next: number
  #expected = 0
  #acknowledged = false
  #retryMs = FIRST_RETRY_MS
  #retryAtMs: number
  #heardAtMs: number

  constructor({ path, port, sequence, send, atMs }: DownloadOptions) {
    this.port = port
    this.#send = send
    this.#request = new TextEncoder().encode(`GET ${path} HTTP/1.0\r\n\r\n`)
    this.#next = sequence >>> 0
    this.#retryAtMs = atMs + this.#retryMs
    this.#heardAtMs = atMs
    this.#emit(SYN)
  }

  /** The body, once all of it is here; null where the answer is none of HTTP, not 200, or of another length. */
  get body(): Uint8Array | null {
    const all = Buffer.concat(this.#response)
    const end = all.indexOf('\r\n\r\n')
    const head = all.subarray(0, Math.max(0, end)).toString('latin1')
    const length = /^content-length: *(\d+)\r?$/im.exec(head)?.[1]
    const body = all.subarray(end + 4)
    const whole = length === undefined || Number(length) === body.length
    return this.state === 'done' && /^HTTP\/1\.[01] 200\b/.test(head) && whole ? body : null
  }

  /** Takes a segment for its port; true where new data came with it. */
  receive(segment: Segment, atMs: number): boolean {
    if (this.state === 'done' || this.state === 'failed') return false
    this.#heardAtMs = atMs
    if ((segment.flags & RST) !== 0) {
      this.state = 'failed'
      return false
    }
    return this.state === 'opening' ? this.#opened(segment, atMs) : this.#data(segment)
  }

  /** Sends again what was not acknowledged in time; gives up where nothing at all comes any more. */
  tick(atMs: number): void {
    if (this.state === 'done' || this.state === 'failed') return
    if (atMs - this.#heardAtMs > GIVE_UP_MS) {
      this.state = 'failed'
      this.#emit(RST | ACK)
    } else if (!this.#acknowledged && atMs >= this.#retryAtMs) {
      this.#retryMs *= 2
      this.#retryAtMs = atMs + this.#retryMs
      if (this.state === 'opening') this.#emit(SYN)
      else this.#emit(ACK | PSH, this.#request)
    }
  }

  #opened({ flags, sequence, acknowledgement }: Segment, atMs: number): boolean {
    const answered = (flags & (SYN | ACK)) === (SYN | ACK) && acknowledgement === (this.#next + 1) >>> 0
    if (!answered) return false
    this.state = 'open'
    this.#next = (this.#next + 1) >>> 0
    this.#expected = (sequence + 1) >>> 0
    this.#retryMs = FIRST_RETRY_MS
    this.#retryAtMs = atMs + this.#retryMs
    this.#emit(ACK | PSH, this.#request)
    return false
  }

  #data({ flags, sequence, acknowledgement, payload }: Segment): boolean {
    if ((flags & ACK) !== 0 && acknowledgement === this.#afterRequest) this.#acknowledged = true
    const inOrder = sequence === this.#expected
    const fresh = inOrder && payload.length > 0
    if (fresh) {
      this.#response.push(payload.slice())
      this.#received += payload.length
      this.#expected = (this.#expected + payload.length) >>> 0
      if (this.#received > MAX_RESPONSE_BYTES) {
        this.state = 'failed'
        this.#emit(RST | ACK)
        return true
      }
    }
    if (inOrder && (flags & FIN) !== 0) {
      this.#expected = (this.#expected + 1) >>> 0
      this.state = 'done'
      this.#emit(FIN | ACK)
    } else if (payload.length > 0 || (flags & (FIN | SYN)) !== 0) {
      this.#emit(ACK)
    }
    return fresh
  }

  get #afterRequest(): number {
    return (this.#next + this.#request.length) >>> 0
  }

  #emit(flags: number, payload: Uint8Array = new Uint8Array()): void {
    const first = (flags & SYN) !== 0 || payload.length > 0 || this.state === 'opening'
    this.#send({
      sourcePort: this.port,
      destinationPort: HTTP_PORT,
      sequence: first ? this.#next : this.#afterRequest,
      acknowledgement: (flags & ACK) === 0 ? 0 : this.#expected,
      flags,
      window: WINDOW_BYTES,
      payload,
    })
  }
}
