/**
 * How far the background runs ahead of the target's machine. A page that the guest waits for may be under way in the
 * background already: then it is behind everything that is on its way with it, so that has to be little.
 */
import { FerryError } from '../../util/errors.ts'
import { PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { LinkSpec } from '../link.ts'
import { MAX_PAGES_PER_FRAME } from '../protocol/binary.ts'
import type { Connection } from '../protocol/connection.ts'

/** Batches under way besides what the link itself holds: one being read, sent, received and written each. */
const BATCHES = 4
/** A batch shall not last longer than this on the link, ms … */
const BATCH_MS = 1
/** … but has so many pages at least. */
const FEWEST_PAGES = 4
/** What an unlimited link with a latency is taken to carry, bits per second. */
const UNLIMITED_BPS = 8e9

/** A guest that has asked for nothing for so long has what it needs, ms: fewer, larger batches cost less … */
const CALM_MS = 20
/** … of so many times the pages, … */
const CALM_FACTOR = 4
/** … and so long on the link, ms. */
const CALM_BATCH_MS = 2

type Link = Pick<LinkSpec, 'forward_bps' | 'latency_ms' | 'jitter_ms'>

/**
 * Pages of a batch of the background.
 * @param pushPages of one while the guest asks for pages, on a fast link
 * @param askedMs time since it last asked for one
 */
export function pushBatchPages({ forward_bps }: Link, pushPages: number, askedMs: number): number {
  const calm = askedMs >= CALM_MS
  const most = Math.min(MAX_PAGES_PER_FRAME, calm ? pushPages * CALM_FACTOR : pushPages)
  if (forward_bps === null) return most
  const bytes = (forward_bps / 8000) * (calm ? CALM_BATCH_MS : BATCH_MS)
  return Math.min(most, Math.max(FEWEST_PAGES, Math.floor(bytes / PAGE_SIZE)))
}

/** Batches that may be under way: a few, and as many as the link holds until the answer is back. */
export function windowBatches({ forward_bps, latency_ms, jitter_ms }: Link, batchPages: number): number {
  const roundTripBytes = ((forward_bps ?? UNLIMITED_BPS) / 8000) * 2 * (latency_ms + jitter_ms)
  return BATCHES + Math.ceil(roundTripBytes / (batchPages * PAGE_SIZE))
}

/** Batches of one exchange that were sent on its connection, against those that the target's machine has taken. */
export class PushWindow {
  readonly #connection: Connection
  readonly #deadlineMs: number
  #sent = 0
  #taken = 0

  /** @param deadlineMs longest wait for one acknowledgement */
  constructor(connection: Connection, deadlineMs: number) {
    this.#connection = connection
    this.#deadlineMs = deadlineMs
  }

  /** One more is under way. */
  sent(): void {
    this.#sent++
  }

  /**
   * Resolves when at most so many batches are under way.
   * @throws FerryError `protocol.ack`, `deadline.pages-answer`, or why the connection failed
   */
  async below(batches: number): Promise<void> {
    while (this.#sent - this.#taken > batches) {
      const { body } = await this.#connection.receive(['ACK'], this.#deadlineMs, 'pages-answer')
      if (body.of !== 'pages' || body.number <= this.#taken || body.number > this.#sent) {
        const message = `The target acknowledged ${body.of} ${body.number}; it had ${this.#taken} of ${this.#sent} batches.`
        throw new FerryError('protocol.ack', message)
      }
      this.#taken = body.number
    }
  }
}
