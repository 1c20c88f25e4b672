/** Which migrations a bench makes, and in which order: every round has each case once, in a random order of its own. */
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { type LoadName, LOADS } from './loads.ts'
import type { Row } from './row.ts'

/** What is fixed of a row before its migration. */
export type Case = Pick<Row, 'peer' | 'algorithm' | 'pair' | 'ram_MB' | 'load' | 'link' | 'kind'>

export interface Selection {
  readonly peers: readonly Row['peer'][]
  readonly ram: readonly number[]
  readonly loads: readonly LoadName[]
  readonly links: readonly string[]
  readonly pairs: readonly ('heterogeneous' | 'homogeneous')[]
  /** By peer; a name that no peer has selects nothing. */
  readonly algorithms: Readonly<Record<Row['peer'], readonly string[]>>
  /** Timed and compared migrations of each case. */
  readonly n: number
  readonly compare: number
}

/** All cases of a selection, once each, as timed ones. */
export function casesOf(selection: Selection): Case[] {
  const { peers, ram, algorithms } = selection
  return peers.flatMap((peer) =>
    algorithms[peer].flatMap((algorithm) =>
      ram.flatMap((ram_MB) =>
        conditions(peer, selection).map((rest) => ({ peer, algorithm, ram_MB, ...rest, kind: 'timed' as const })),
      ),
    ),
  )
}

/** v86's own save and restore knows neither hypervisor nor link nor network. */
function conditions(peer: Row['peer'], { pairs, loads, links }: Selection): Pick<Case, 'pair' | 'load' | 'link'>[] {
  if (peer === 'v86') {
    return loads.filter((load) => LOADS[load].client === 'none').map((load) => ({ pair: 'none', load, link: 'none' }))
  }
  const ownPairs = peer === 'ferry' ? pairs : (['none'] as const)
  return ownPairs.flatMap((pair) => loads.flatMap((load) => links.map((link) => ({ pair, load, link }))))
}

/** A migration to be made, and in which round. */
export interface Step {
  readonly of: Case
  readonly round: number
}

/** First one warm-up of each peer's algorithms, then the rounds. The same seed gives the same order. */
export function steps(selection: Selection, seed: number): Step[] {
  const cases = casesOf(selection)
  const random = xoroshiro128plus(seed)
  const warmUps = new Map(cases.map((of) => [`${of.peer} ${of.algorithm}`, { ...of, kind: 'warm-up' as const }]))
  const rounds = Array.from({ length: Math.max(selection.n, selection.compare) }, (_, round) => {
    const timed = round < selection.n ? cases : []
    // The clients' loads add nothing to a comparison of memory.
    const compared = round < selection.compare ? cases.filter(({ load }) => LOADS[load].client === 'none') : []
    const all = [...timed, ...compared.map((of) => ({ ...of, kind: 'compared' as const }))]
    return shuffled(all, random).map((of) => ({ of, round }))
  })
  if (rounds.length === 0) return []
  return [...[...warmUps.values()].map((of) => ({ of, round: 0 })), ...rounds.flat()]
}

/** Fisher–Yates. */
function shuffled<T>(list: readonly T[], random: ReturnType<typeof xoroshiro128plus>): T[] {
  const out = [...list]
  for (let i = out.length - 1; i > 0; i--) {
    const j = uniformInt(random, 0, i)
    ;[out[i], out[j]] = [out[j], out[i]]
  }
  return out
}
