/**
 * Whether the pages of a frame are compressed or become deltas, and how. Compression pays where the link is slower than it: then the link
 * is the bottleneck, and what it need not carry is won. On a faster link it only takes a CPU from the guest. What a
 * thread here compresses in a second is measured as it goes.
 */
import type { Compression, SavingOptions } from './savings.ts'

export interface CompressionSpeed {
  /** Bytes taken per second. */
  readonly rate_Bps: number
  /** Bytes that come out, as a share of those that go in. */
  readonly ratio: number
}

export interface CompressionFacts {
  readonly wanted: SavingOptions['compress']
  /** Agreed with the target, in order of preference. */
  readonly agreed: readonly Compression[]
  /** Of the link from source to target; null: no limit but the hosts'. */
  readonly link_bps: number | null
  /**
   * `running`: the guest runs. `streamed`: it stands, and pages are compressed while others travel. `held`: it stands, and
   * nothing travels before all is compressed.
   */
  readonly moment: 'running' | 'streamed' | 'held'
  readonly speed: (algorithm: Compression) => CompressionSpeed
  /** Number of the frame, from 0. */
  readonly frame: number
}

/** The link must be slower than the compression by this much: the CPU is the guest's as well. */
const MARGIN = 1.5
/** Pages that shrink by less than this are not worth it. */
const WORTH_RATIO = 0.95
/** What was not worth it is tried again once in so many frames: other pages may shrink, the CPU may be free by then. */
const TRY_EVERY = 16

/** Before anything was measured: what one core of a small computer does with memory of a guest. */
const ASSUMED: CompressionSpeed = { rate_Bps: 60e6, ratio: 0.5 }

/** @returns null: the pages travel as they are */
export function chooseCompression(facts: CompressionFacts): Compression | null {
  const { wanted, agreed, link_bps, moment, frame } = facts
  const algorithm = agreed.find((each) => wanted === 'auto' || wanted === each)
  if (algorithm === undefined) return null
  // The user's word counts while the guest runs. Its downtime is not made longer for it.
  if (wanted !== 'auto' && moment === 'running') return algorithm
  if (link_bps === null) return null
  const { rate_Bps, ratio } = facts.speed(algorithm)
  const link_Bps = (link_bps / 8) * MARGIN
  // Time to compress, and to send what is left of it, against time to send it all.
  if (moment === 'held') return link_Bps < rate_Bps * (1 - ratio) ? algorithm : null
  if (link_Bps < rate_Bps && ratio < WORTH_RATIO) return algorithm
  return frame % TRY_EVERY === 0 && link_Bps < ASSUMED.rate_Bps ? algorithm : null
}

/** While the guest stands, deltas are made on links slower than this, bits per second: making one takes a few µs. */
const DELTAS_BELOW_BPS = 1e9

/** Whether deltas are made of pages that travel again, where both sides know them. */
export const makesDeltas = (link_bps: number | null, moment: CompressionFacts['moment']): boolean =>
  moment === 'running' || (link_bps !== null && link_bps < DELTAS_BELOW_BPS)

/** Weight of the newest measurement in the moving averages, if it is of so many bytes; of fewer, less: they say less. */
const NEWEST = 0.2
const WHOLE_FRAME_B = 256 << 10

/** Moving averages of what was measured, beginning with what is assumed. */
export class CompressionMeter {
  readonly #speeds = new Map<Compression, CompressionSpeed>()

  /** @param ms from the order to the result: a pool of threads that is busy makes it longer, and is meant to */
  took(algorithm: Compression, inBytes: number, outBytes: number, ms: number): void {
    const weight = NEWEST * Math.min(1, inBytes / WHOLE_FRAME_B)
    const before = this.speed(algorithm)
    const now = { rate_Bps: (inBytes / Math.max(ms, 0.01)) * 1000, ratio: outBytes / Math.max(inBytes, 1) }
    this.#speeds.set(algorithm, {
      rate_Bps: before.rate_Bps + weight * (now.rate_Bps - before.rate_Bps),
      ratio: before.ratio + weight * (now.ratio - before.ratio),
    })
  }

  readonly speed = (algorithm: Compression): CompressionSpeed => this.#speeds.get(algorithm) ?? ASSUMED
}
