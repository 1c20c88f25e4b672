/** The flags of `npm run bench -- peers`. */
import { parseArgs } from 'node:util'
import { parseLink } from '../../../engine/migration/link.ts'
import { FerryError } from '../../../engine/util/errors.ts'
import { isLoadName, LOAD_NAMES, type LoadName } from './loads.ts'
import { PEERS, type Row } from './row.ts'

export interface PeerOptions {
  readonly n: number
  readonly compare: number
  readonly seed: number
  readonly ram: readonly number[]
  readonly loads: readonly LoadName[]
  readonly links: readonly string[]
  readonly peers: readonly Row['peer'][]
  readonly pairs: readonly ('heterogeneous' | 'homogeneous')[]
  /** Names; null = all of each peer. */
  readonly algorithms: readonly string[] | null
  /** Files of earlier benches whose rows count too; with `n` 0 nothing else is measured. */
  readonly from: readonly string[]
}

export const USAGE = `npm run bench -- peers [options]
  --n 5                 timed migrations of each case; 0 with --from: only sum up
  --compare 1           migrations of each case after which all of RAM is compared
  --ram 64,128,256,512  MB
  --loads idle,tick,dirty,web,game   also: compile
  --links unlimited,1G
  --peers ferry,qemu,v86
  --pairs heterogeneous,homogeneous
  --algorithms NAME,…   of any peer; all by default
  --seed 1              order of the migrations
  --from FILE,…         count the rows of earlier benches, too`

const PAIRS = ['heterogeneous', 'homogeneous'] as const

/** @throws FerryError `bench.option` with what may be given */
export function peerOptions(args: readonly string[]): PeerOptions {
  const values = parsed(args)
  return {
    n: whole('n', values.n, 0),
    compare: whole('compare', values.compare, 0),
    seed: whole('seed', values.seed, 0),
    ram: list(values.ram).map((text) => whole('ram', text, 64)),
    loads: list(values.loads).map((name) => (isLoadName(name) ? name : bad('loads', name, LOAD_NAMES))),
    links: list(values.links).map((text) => parseLink(text).text),
    peers: list(values.peers).map((name) => PEERS.find((peer) => peer === name) ?? bad('peers', name, PEERS)),
    pairs: list(values.pairs).map((name) => PAIRS.find((pair) => pair === name) ?? bad('pairs', name, PAIRS)),
    algorithms: values.algorithms === undefined ? null : list(values.algorithms),
    from: values.from === undefined ? [] : list(values.from),
  }
}

function parsed(args: readonly string[]) {
  const text = (value: string) => ({ type: 'string', default: value }) as const
  try {
    return parseArgs({
      args: [...args],
      options: {
        n: text('5'),
        compare: text('1'),
        seed: text('1'),
        ram: text('64,128,256,512'),
        loads: text('idle,tick,dirty,web,game'),
        links: text('unlimited,1G'),
        peers: text(PEERS.join(',')),
        pairs: text(PAIRS.join(',')),
        algorithms: { type: 'string' },
        from: { type: 'string' },
      },
    }).values
  } catch (thrown) {
    throw new FerryError('bench.option', `${FerryError.from(thrown).message}\n${USAGE}`)
  }
}

const list = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

function whole(name: string, text: string, least: number): number {
  const value = Number(text)
  if (text !== '' && Number.isInteger(value) && value >= least) return value
  throw new FerryError('bench.option', `--${name} takes whole numbers from ${least}, not "${text}".\n${USAGE}`)
}

function bad(option: string, name: string, known: readonly string[]): never {
  throw new FerryError('bench.option', `--${option}: there is no "${name}". There are: ${known.join(', ')}.`)
}
