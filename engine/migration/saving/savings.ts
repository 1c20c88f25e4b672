/**
 * Savings of page transfer that both hosts have to know: what there is, what a user may ask for, and how source and
 * target agree. Pages of zeros, which travel as their numbers, are part of the protocol and not agreed on.
 */
import { FerryError } from '../../util/errors.ts'

/** Names on the wire, in order of preference where they exclude each other. */
export const SAVINGS = ['delta', 'zstd', 'deflate'] as const
export type Saving = (typeof SAVINGS)[number]
/** Deflate is RFC 1951, zstd RFC 8878. */
export type Compression = Exclude<Saving, 'delta'>

/** The user's switches. */
export interface SavingOptions {
  /** Pages that are sent again travel as what changed since they were sent last. */
  readonly delta: boolean
  /** `auto`: where the link is slower than pages can be compressed. */
  readonly compress: 'auto' | 'off' | Compression
}

export const NO_SAVINGS: SavingOptions = { delta: false, compress: 'off' }

/** What a source with these switches offers. */
export function offeredSavings({ delta, compress }: SavingOptions): Saving[] {
  return SAVINGS.filter((saving) => (saving === 'delta' ? delta : compress === 'auto' || compress === saving))
}

/** What the target agrees to: what was offered and it knows itself. Unknown names are left out. */
export function agreedSavings(offered: readonly string[], own: readonly Saving[]): Saving[] {
  return own.filter((saving) => offered.includes(saving))
}

/**
 * The target's answer, at the source.
 * @param answered absent from a target that knows no savings
 * @throws FerryError `protocol.savings` where it names what was not offered
 */
export function acceptedSavings(answered: readonly string[] | undefined, offered: readonly Saving[]): Saving[] {
  const stranger = answered?.find((name) => !offered.some((saving) => saving === name))
  if (stranger !== undefined) {
    throw new FerryError('protocol.savings', `The target agreed to ${stranger}, which was not offered.`, {
      saving: stranger,
    })
  }
  return offered.filter((saving) => answered?.includes(saving))
}
