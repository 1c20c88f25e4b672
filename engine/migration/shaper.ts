/**
 * The emulated link in front of a socket: each side shapes what it sends. Bytes are cut into slices; each slice gets
 * the time at which a link of the given rate, latency and jitter would have delivered it, and is written then.
 *
 * Timers are coarse (1 ms and more), the schedule is exact: slices that are due are written together, so late timers
 * cost no bandwidth. Near the end of the queue, where a wait would be felt, the last millisecond is spun on
 * `setImmediate`. An unlimited link has no queue at all.
 */
import type { Socket } from 'node:net'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { nowMs } from '../util/clock.ts'
import type { Direction } from './link.ts'
import { TokenBucket } from './token-bucket.ts'

/** Largest slice, in bytes: half a millisecond at 1 Gbit/s. */
const SLICE_BYTES = 64 << 10
/** A slice is also at most this long on the link, ms; slow links get small slices. */
const SLICE_MS = 4
/** How much of a late timer is caught up. */
const BURST_MS = 1
/** Below this distance a slice counts as due, ms. */
const EPSILON_MS = 0.05
/** Rather spin than sleep when the end of the queue is this near, ms. */
const SPIN_MS = 1.5
/** Unshaped, the socket's own buffer may hold this much before senders wait. */
const UNSHAPED_BUFFER_BYTES = 2 << 20

interface Slice {
  readonly bytes: Uint8Array
  dueMs: number
}

export class Shaper {
  readonly #socket: Socket
  readonly #random: () => number
  #direction: Direction
  #bucket: TokenBucket | null
  #queue: Slice[] = []
  #head = 0
  #queuedBytes = 0
  #lastDueMs = 0
  #timer: NodeJS.Timeout | null = null
  #spin: NodeJS.Immediate | null = null
  #waiters: (() => void)[] = []
  #ending = false
  #closed = false

  /** @param seed for the jitter */
  constructor(socket: Socket, direction: Direction, seed = 1) {
    this.#socket = socket
    const generator = xoroshiro128plus(seed)
    this.#random = () => uniformFloat64(generator)
    this.#direction = direction
    this.#bucket = direction.rate_bps === null ? null : new TokenBucket(direction.rate_bps, BURST_MS)
    socket.on('drain', () => {
      this.#release()
    })
  }

  /** Bytes accepted and not yet given to the socket. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** True when senders should wait for `drained`. */
  get full(): boolean {
    return this.#queuedBytes > this.#limit() || this.#socket.writableLength > UNSHAPED_BUFFER_BYTES
  }

  /** Resolves when there is room again, or the socket was closed. */
  drained(): Promise<void> {
    if (!this.full || this.#closed) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  /** Takes chunks to send, in order; they must not change afterwards. Chunks of one call leave in one write if due. */
  write(chunks: readonly Uint8Array[]): void {
    if (this.#closed) return
    if (this.#passThrough()) {
      this.#socket.cork()
      for (const chunk of chunks) this.#socket.write(chunk)
      this.#socket.uncork()
      return
    }
    const now = nowMs()
    const slice = this.#sliceBytes()
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += slice) this.#enqueue(chunk.subarray(at, at + slice), now)
    }
    this.#release()
  }

  /** Takes room on the link without sending. */
  charge(bytes: number): void {
    this.#bucket?.take(nowMs(), bytes)
  }

  /** Changes the link; what is queued is scheduled anew from now. */
  setDirection(direction: Direction): void {
    this.#direction = direction
    this.#bucket = direction.rate_bps === null ? null : new TokenBucket(direction.rate_bps, BURST_MS)
    const now = nowMs()
    this.#lastDueMs = now
    const pending = this.#queue.slice(this.#head)
    this.#queue = []
    this.#head = 0
    this.#queuedBytes = 0
    for (const slice of pending) this.#enqueue(slice.bytes, now)
    this.#release()
  }

  /** Sends what is queued, then ends the socket's writing side. */
  end(): void {
    this.#ending = true
    this.#release()
  }

  /** Drops what is queued. The socket is the caller's. */
  close(): void {
    this.#closed = true
    this.#queue = []
    this.#head = 0
    this.#queuedBytes = 0
    this.#cancelTimers()
    this.#wake()
  }

  #passThrough(): boolean {
    const d = this.#direction
    return d.rate_bps === null && d.latency_ms === 0 && d.jitter_ms === 0 && this.#head === this.#queue.length
  }

  #sliceBytes(): number {
    const rate = this.#direction.rate_bps
    if (rate === null) return SLICE_BYTES
    return Math.max(512, Math.min(SLICE_BYTES, Math.floor((rate / 8000) * SLICE_MS)))
  }

  /** What the queue may hold: 30 ms of the link, and what is in flight on it. */
  #limit(): number {
    const { rate_bps, latency_ms, jitter_ms } = this.#direction
    if (rate_bps === null) return 64 << 20
    return Math.max(SLICE_BYTES, (rate_bps / 8000) * (30 + latency_ms + jitter_ms))
  }

  #enqueue(bytes: Uint8Array, now: number): void {
    const left = this.#bucket === null ? now : this.#bucket.take(now, bytes.length)
    const { latency_ms, jitter_ms } = this.#direction
    const due = left + latency_ms + (jitter_ms > 0 ? this.#random() * jitter_ms : 0)
    // In order: a slice is never delivered before the one in front of it.
    this.#lastDueMs = Math.max(this.#lastDueMs, due)
    this.#queue.push({ bytes, dueMs: this.#lastDueMs })
    this.#queuedBytes += bytes.length
  }

  #release(): void {
    if (this.#closed) return
    this.#cancelTimers()
    const horizon = nowMs() + EPSILON_MS
    this.#socket.cork()
    while (this.#head < this.#queue.length && this.#socket.writableLength <= UNSHAPED_BUFFER_BYTES) {
      const slice = this.#queue[this.#head]
      if (slice === undefined || slice.dueMs > horizon) break
      this.#head++
      this.#queuedBytes -= slice.bytes.length
      this.#socket.write(slice.bytes)
    }
    this.#socket.uncork()
    if (this.#head > 1024 || this.#head === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    if (!this.full) this.#wake()
    const next = this.#queue[this.#head]
    if (next === undefined) {
      if (this.#ending) this.#socket.end()
      return
    }
    // A full socket wakes us by `drain`.
    if (this.#socket.writableLength > UNSHAPED_BUFFER_BYTES) return
    const wait = next.dueMs - nowMs()
    if (wait < SPIN_MS && this.#lastDueMs - nowMs() < SPIN_MS) {
      this.#spin = setImmediate(() => {
        this.#release()
      })
    } else {
      this.#timer = setTimeout(
        () => {
          this.#release()
        },
        Math.max(1, wait - 1),
      )
    }
  }

  #cancelTimers(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#spin !== null) clearImmediate(this.#spin)
    this.#timer = null
    this.#spin = null
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const resolve of waiters) resolve()
  }
}
