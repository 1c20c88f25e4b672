/**
 * Whether the pages of a frame are compressed, and how. Compression pays where the link is slower than it: then the link
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
/** Pages that shrink by less than this are not worth it … */
const WORTH_RATIO = 0.95
/** … and are tried again once in so many frames: others may shrink. */
const TRY_EVERY = 16

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
  if (link_Bps >= rate_Bps) return null
  return ratio < WORTH_RATIO || frame % TRY_EVERY === 0 ? algorithm : null
}

/** Before anything was measured: what one core of a small computer does with memory of a guest. */
const ASSUMED: CompressionSpeed = { rate_Bps: 60e6, ratio: 0.5 }
/** Weight of the newest measurement in the moving averages. */
const NEWEST = 0.2

/** Moving averages of what was measured. */
export class CompressionMeter {
  readonly #speeds = new Map<Compression, CompressionSpeed>()

  /** @param ms from the order to the result: a pool of threads that is busy makes it longer, and is meant to */
  took(algorithm: Compression, inBytes: number, outBytes: number, ms: number): void {
    const before = this.#speeds.get(algorithm)
    const now = { rate_Bps: (inBytes / Math.max(ms, 0.01)) * 1000, ratio: outBytes / Math.max(inBytes, 1) }
    this.#speeds.set(
      algorithm,
      before === undefined
        ? now
        : {
            rate_Bps: before.rate_Bps + NEWEST * (now.rate_Bps - before.rate_Bps),
            ratio: before.ratio + NEWEST * (now.ratio - before.ratio),
          },
    )
  }

  readonly speed = (algorithm: Compression): CompressionSpeed => this.#speeds.get(algorithm) ?? ASSUMED
}
