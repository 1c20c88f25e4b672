/** Which algorithms a migration may use: what the user wants, of what both hosts have. */
import type { MigrateInput } from '../contract/lab.ts'
import { ALGORITHM_NAMES, type AlgorithmName, isAlgorithmName, POOL } from '../migration/policy/pool.ts'
import { FerryError } from '../util/errors.ts'
import { seededChoice } from '../util/random.ts'
import type { Lab } from './lab.ts'

/**
 * Those that both hosts have, in the user's order of preference.
 * @throws FerryError `algorithm.unknown`, `guest.unknown`, `host.unknown`
 */
export function candidates(lab: Lab, input: MigrateInput): readonly AlgorithmName[] {
  const target = lab.host(input.to)
  return offered(lab, input).filter((name) => target.takes.includes(name))
}

/**
 * What the source offers the target: at random one of those in common, else the source's pool in the user's order. What
 * the target has no part of it refuses.
 * @throws FerryError `algorithm.unknown`, `algorithm.not-in-pool`, `guest.unknown`, `host.unknown`
 */
export function algorithmsOf(lab: Lab, input: MigrateInput): readonly AlgorithmName[] {
  const own = offered(lab, input)
  if (input.random_algorithm !== true) return own
  const common = candidates(lab, input)
  return [seededChoice(common.length > 0 ? common : own, input.seed ?? 1)]
}

/** Whether pre-copy that does not converge is to end as post-copy: as hybrid, with as many rounds as pre-copy sends. */
export function thenPulls(lab: Lab, input: MigrateInput): boolean {
  if (input.pre_copy?.then_pull !== true) return false
  const { source, target } = hostsOf(lab, input)
  const both = [source.algorithms, target.takes].every((pool) => pool.includes('hybrid'))
  return both && wantedOf(input).includes('pre-copy')
}

function offered(lab: Lab, input: MigrateInput): readonly AlgorithmName[] {
  const { source } = hostsOf(lab, input)
  const wanted = wantedOf(input)
  const own = wanted.filter((name) => source.algorithms.includes(name))
  if (own.length === 0) {
    const why = wanted.flatMap((name) => source.abilities.lacks[name] ?? [])
    const message = [
      `The pool of ${source.name} has none of ${wanted.join(', ')}; it has: ${source.algorithms.join(', ')}.`,
      ...[...why, 'The guest was not moved.'],
    ].join(' ')
    throw new FerryError('algorithm.not-in-pool', message, { host: source.name })
  }
  if (!thenPulls(lab, input)) return own
  return [...new Set(own.map((name) => (name === 'pre-copy' ? 'hybrid' : name)))]
}

function hostsOf(lab: Lab, input: MigrateInput) {
  return { source: lab.host(lab.guest(input.guest).residence.host), target: lab.host(input.to) }
}

/** The algorithms that the user wants; all of Ferry's own where nothing was said. */
function wantedOf(input: MigrateInput): readonly AlgorithmName[] {
  const unknown = input.algorithms?.find((name) => !isAlgorithmName(name))
  if (unknown !== undefined) {
    const message = `There is no algorithm ${unknown}. The pool has: ${ALGORITHM_NAMES.join(', ')}.`
    throw new FerryError('algorithm.unknown', message, { algorithm: unknown })
  }
  return input.algorithms?.filter(isAlgorithmName) ?? ALGORITHM_NAMES.filter((name) => !POOL[name].mechanism.native)
}
