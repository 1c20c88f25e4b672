/** Seeded randomness: what is chosen at random can be chosen again. */
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/** One of a non-empty list. */
export function seededChoice<T>(list: readonly T[], seed: number): T {
  return list[uniformInt(xoroshiro128plus(seed), 0, list.length - 1)]
}
