/**
 * Savings of page transfer that both hosts have to know: what there is, what a user may ask for, and how source and
 * target agree.
 */
import { FerryError } from '../../util/errors.ts'

/** Names on the wire, in order of preference where they exclude each other. */
export const SAVINGS = ['zero', 'delta', 'zstd', 'deflate'] as const
export type Saving = (typeof SAVINGS)[number]
/** Deflate is RFC 1951, zstd RFC 8878. */
export type Compression = Exclude<Saving, 'zero' | 'delta'>

/** What is made where the source names nothing: the protocol is older than the choice. */
export const IMPLIED: readonly Saving[] = ['zero']

export const isCompression = (saving: Saving): saving is Compression => saving === 'zstd' || saving === 'deflate'

/** The user's switches. */
export interface SavingOptions {
  /** Pages of zeros travel as their numbers; else as any other page. */
  readonly zero: boolean
  /** Pages that are sent again travel as what changed since they were sent last. */
  readonly delta: boolean
  /** `auto`: where the link is slower than pages can be compressed. */
  readonly compress: 'auto' | 'off' | Compression
}

/** None but those that are implied. */
export const NO_SAVINGS: SavingOptions = { zero: true, delta: false, compress: 'off' }

/** What a source with these switches offers. */
export function offeredSavings({ zero, delta, compress }: SavingOptions): Saving[] {
  const wanted = (saving: Saving): boolean =>
    isCompression(saving) ? compress === 'auto' || compress === saving : saving === 'zero' ? zero : delta
  return SAVINGS.filter(wanted)
}

/**
 * What the target agrees to: what was offered and it knows itself. Unknown names are left out.
 * @param offered absent from a source that is older than the choice
 */
export function agreedSavings(offered: readonly string[] | undefined, own: readonly Saving[]): readonly Saving[] {
  return offered === undefined ? IMPLIED : own.filter((saving) => offered.includes(saving))
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
