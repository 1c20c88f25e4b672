/** The messages of one run while it is under way: each as front ends and the store have it, with what is kept of it. */
import type { MessageDetails, MessageView } from '../contract/messages.ts'
import type { MessageEvent } from '../migration/protocol/connection.ts'
import { describeFrame } from '../migration/protocol/describe.ts'
import { HEADER_BYTES } from '../migration/protocol/frame.ts'
import type { KeptMessage } from './store/records.ts'

/** What is kept of the payloads of a run, bytes: 1 GiB of RAM in rounds of usual batches fits in. */
const MOST_KEPT = 2 << 20

export class RunMessages {
  readonly #startedAtMs: number
  readonly #most: number
  readonly #kept: KeptMessage[] = []
  #bytes = 0
  #stage = 0

  /** @param startedAtMs `nowMs()` at the start of the migration */
  constructor(startedAtMs: number, most = MOST_KEPT) {
    this.#startedAtMs = startedAtMs
    this.#most = most
  }

  get kept(): readonly KeptMessage[] {
    return this.#kept
  }

  /** The furthest stage that a message has had; a run may have several connections. */
  get stage(): number {
    return this.#stage
  }

  /** Takes a message; beyond the bound only its header is kept. */
  add(event: MessageEvent): MessageView {
    const over = this.#bytes + event.head.length > this.#most
    const head = over ? event.head.slice(0, HEADER_BYTES) : event.head
    if (!over) this.#bytes += head.length
    this.#stage = Math.max(this.#stage, event.stage)
    const view: MessageView = {
      direction: event.direction === 'sent' ? 'source-to-target' : 'target-to-source',
      type: event.type,
      stage: event.stage,
      bytes_B: event.bytes,
      at_ms: event.atMs - this.#startedAtMs,
    }
    this.#kept.push({ ...view, head })
    return view
  }
}

/** A message without its bytes. */
export function messageOf({ direction, type, stage, bytes_B, at_ms }: MessageView): MessageView {
  return { direction, type, stage, bytes_B, at_ms }
}

export function messageDetails(kept: KeptMessage, index: number): MessageDetails {
  const head = kept.head ?? new Uint8Array(0)
  return {
    index,
    message: messageOf(kept),
    head: Buffer.from(head.buffer, head.byteOffset, head.length).toString('base64'),
    not_kept_B: Math.max(0, kept.bytes_B - head.length),
    fields: describeFrame(head),
  }
}
