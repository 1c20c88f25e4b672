/** Savings of page transfer: what a user may ask for, and what came of it. */
import * as v from 'valibot'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))

export const COMPRESS_CHOICES = ['auto', 'off', 'deflate', 'zstd'] as const

export const savingsInput = v.object({
  /** Pages of zeros travel as their numbers; else as any other page. */
  zero: v.optional(v.boolean(), true),
  /** Pages that are sent again travel as what changed since they were sent last. */
  delta: v.optional(v.boolean(), false),
  /** `auto`: where the link is slower than pages can be compressed. */
  compress: v.optional(v.picklist(COMPRESS_CHOICES), 'auto'),
})
export type SavingsInput = v.InferInput<typeof savingsInput>

/** All switches, those that were not given as they are by default. */
export const savingsWith = (given: SavingsInput = {}): v.InferOutput<typeof savingsInput> =>
  v.parse(savingsInput, given)

export const savingsReport = v.object({
  /** Pages of zeros, of which only the number travelled; null where that was not agreed on. */
  zero_pages: v.nullable(count),
  /** Pages that the guest had said are free when the migration began; of zeros for that reason. */
  free_pages: v.optional(count),
  /** Pages as what changed in them; null where the hosts had not agreed on it. */
  delta: v.nullable(
    v.object({
      /** Pages of which only what had changed travelled. */
      pages: count,
      /** Bytes of pages that did not travel because of that. */
      saved_B: count,
      /** Pages sent again as a whole, because their last version was not kept any more. */
      misses: count,
    }),
  ),
  /** Null where the hosts had not agreed on it. */
  compression: v.nullable(
    v.object({
      algorithm: v.string(),
      /** Frames whose pages travelled compressed; 0: it was not worth it. */
      frames: count,
      /** Their size before, and as they travelled. */
      in_B: count,
      out_B: count,
    }),
  ),
})
export type SavingsReport = v.InferOutput<typeof savingsReport>

/**
 * How a run differed from one that saves nothing but pages of zeros, as all do unless told otherwise: `none`, or e.g.
 * `delta+zstd`; `whole-zeros`: these travelled in full. A condition of its figures.
 */
export function savingsUsed({ savings }: { readonly savings: SavingsReport | null }): string {
  const delta = (savings?.delta ?? null) === null ? [] : ['delta']
  const { algorithm, frames } = savings?.compression ?? { algorithm: '', frames: 0 }
  const zeros = savings !== null && savings.zero_pages === null ? ['whole-zeros'] : []
  return [...zeros, ...delta, ...(frames > 0 ? [algorithm] : [])].join('+') || 'none'
}
