/**
 * What pages take to travel, as a prediction counts it: their bytes on the wire, and the time for them, with the savings
 * that would be made (../saving). Whether pages are compressed is decided as a migration decides it.
 */
import type { Calibration, SavingsSample } from '../../contract/prediction.ts'
import { PAGE_SIZE } from '../../vmstate/blocks.ts'
import { chooseCompression, type CompressionFacts, makesDeltas } from '../saving/compression-policy.ts'
import { isCompression, type Saving, type SavingOptions } from '../saving/savings.ts'

/** On the wire (PROTOCOL.md, PAGES): a page with its number; a page of zeros is its number. */
const NUMBER_B = 4
export const PAGE_B = PAGE_SIZE + NUMBER_B

/** Pages to send: with data, and of zeros. */
export interface Load {
  readonly full: number
  readonly zero: number
  /** The pages with data have crossed before, as another version. */
  readonly again?: boolean
}

export type Moment = CompressionFacts['moment']

export interface TravelInputs {
  /** Of the link from source to target; null = no limit but the hosts'. */
  readonly bandwidth_bps: number | null
  readonly calibration: Calibration
  readonly savings: PredictedSavings
}

/** Savings as they are to be expected. */
export interface PredictedSavings {
  readonly wanted: SavingOptions
  /** What source and target have in common of it. */
  readonly agreed: readonly Saving[]
  readonly sample: SavingsSample
}

export class Travel {
  readonly #inputs: TravelInputs

  constructor(inputs: TravelInputs) {
    this.#inputs = inputs
  }

  /** Bytes per ms that the link takes. */
  get linkBpms(): number {
    return this.#inputs.bandwidth_bps === null ? Infinity : this.#inputs.bandwidth_bps / 8000
  }

  bytes(load: Load, moment: Moment): number {
    const { full, zero } = this.#numbered(load)
    return full * (NUMBER_B + PAGE_SIZE * this.share(load, moment)) + zero * NUMBER_B
  }

  /** @param rate_bps limit of the algorithm; it counts pages with data */
  timeMs(load: Load, moment: Moment, rate_bps: number | null = null): number {
    const host = ((load.full + load.zero) * PAGE_SIZE * 1000) / this.#inputs.calibration.host_Bps
    const limited = rate_bps === null ? 0 : (load.full * PAGE_SIZE * 8000) / rate_bps
    const link = this.bytes(load, moment) / this.linkBpms
    const compression = this.#compression(load, moment)
    const packed = compression === null ? 0 : (load.full * PAGE_SIZE * 1000) / compression.rate_Bps
    // Else one frame is compressed while the one before it travels.
    return moment === 'held' ? Math.max(packed + link, host, limited) : Math.max(packed, link, host, limited)
  }

  /** Bytes of a page with data that travel, as a share of them all. */
  share(load: Load, moment: Moment): number {
    return Math.min(1, this.#deltaRatio(load, moment) ?? this.#compression(load, moment)?.ratio ?? 1)
  }

  /** How the share comes about, in a word; empty: no saving. */
  how(load: Load, moment: Moment): string {
    if (this.share(load, moment) === 1) return ''
    return this.#deltaRatio(load, moment) === null ? (this.#compression(load, moment)?.algorithm ?? '') : 'delta'
  }

  /** Where pages of zeros are not told apart they travel as any other. */
  #numbered({ full, zero }: Load): Load {
    return this.#inputs.savings.agreed.includes('zero') ? { full, zero } : { full: full + zero, zero: 0 }
  }

  /** What is compressed of deltas is left out: they are short already. */
  #deltaRatio({ again = false }: Load, moment: Moment): number | null {
    const { bandwidth_bps, savings } = this.#inputs
    if (!again || !savings.agreed.includes('delta')) return null
    return makesDeltas(bandwidth_bps, moment) ? savings.sample.delta_ratio : null
  }

  #compression(load: Load, moment: Moment): NonNullable<SavingsSample['compression']> | null {
    const { bandwidth_bps, savings } = this.#inputs
    const { compression } = savings.sample
    if (compression === null || this.#deltaRatio(load, moment) !== null) return null
    const chosen = chooseCompression({
      wanted: savings.wanted.compress,
      agreed: savings.agreed.filter(isCompression),
      link_bps: bandwidth_bps,
      moment,
      speed: () => compression,
      // Not the one that is only tried.
      frame: 1,
    })
    return chosen === null ? null : compression
  }
}
