/**
 * What Ferry sets out to reach against its peers, and whether these rows show it. A target that compares is looked at
 * under every condition that both sides were measured under, and is reached where the worst of them is. Pure.
 */
import type { Description, Interval } from '../../../engine/lab/export/statistics.ts'
import { describe } from '../../../engine/lab/export/statistics.ts'
import type { Row } from './row.ts'
import { countsOf, type Figure, type Group, groupsOf, valuesOf } from './summary.ts'

export interface Target {
  readonly name: string
  readonly limit: string
  /** What was measured, for people; says so where nothing was. */
  readonly figure: string
  /** Null where these rows do not tell. */
  readonly reached: boolean | null
  /** How far from the limit, for people; empty where nothing was measured. */
  readonly margin: string
}

/** The fewest migrations that a claim of "none" is made of. */
export const ENOUGH_MIGRATIONS = 200

interface Ratio {
  readonly where: string
  readonly value: number
  /** From the intervals of both medians, each at its worst: wider than an interval of the ratio would be. */
  readonly interval: Interval | null
}

export function targetsOf(rows: readonly Row[]): Target[] {
  const groups = groupsOf(rows)
  const hetero = groups.filter(({ peer, pair }) => peer === 'ferry' && pair === 'heterogeneous')
  const ferry = (algorithm: string) => hetero.filter((group) => group.algorithm === algorithm)
  const qemu = (...algorithms: string[]) =>
    groups.filter(({ peer, algorithm }) => peer === 'qemu' && algorithms.includes(algorithm))
  const qemuPre = qemu('pre-copy', 'pre-copy-5ms')
  const unlimited = ({ link }: Group) => link === 'unlimited'
  const pre = ferry('pre-copy')
  const pull = ferry('pull-copy')
  const against = (name: string, limit: number, figure: Figure, ours: Group[], theirs: Group[]) =>
    worst(name, limit, ratios(figure, ours, theirs))
  return [
    against('pause → run, pre-copy against QEMU pre-copy', 0.5, 'pause_run_ms', pre, qemuPre),
    against('largest tick gap, pre-copy against QEMU pre-copy', 0.5, 'tick_gap_ms', pre, qemuPre),
    against('largest tick gap, pull-copy against QEMU post-copy', 0.5, 'tick_gap_ms', pull, qemu('post-copy')),
    ...(
      [
        ['pre-copy', pre, qemuPre],
        ['pull-copy', pull, qemu('post-copy')],
        ['stop-and-copy', ferry('stop-and-copy'), qemu('stop-and-copy')],
      ] as const
    ).flatMap(([name, ours, theirs]) => [
      against(`total time, unlimited link, ${name}`, 1, 'total_ms', ours.filter(unlimited), theirs),
      // QEMU's target is a process that was started beforehand.
      against(`the same without making the target ready, ${name}`, 1, 'transfer_ms', ours.filter(unlimited), theirs),
    ]),
    worst('pause → run, pre-copy, 512 MB against 64 MB', 1.1, bySize(pre, 512, [64, 72])),
    worst('pause → run, heterogeneous against homogeneous', 1.05, byPair(rows)),
    atMost('page fault p50, post-copy, µs', 100, rows, 'fault_p50_us', ({ peer }) => peer === 'ferry'),
    ...outages(rows),
    none('wrong pages, Ferry', rows, 'ferry'),
    none('wrong pages, QEMU', rows, 'qemu'),
  ]
}

/** The ratio of medians under each condition that both have; against the best where there are several to compare with. */
function ratios(figure: Figure, ours: readonly Group[], theirs: readonly Group[]): Ratio[] {
  return ours.flatMap((group) => {
    const same = theirs.filter(
      ({ ram_MB, load, link }) => ram_MB === group.ram_MB && load === group.load && link === group.link,
    )
    const known = same.map(({ figures }) => figures[figure]).filter(({ median }) => median !== null)
    const best = known.toSorted((a, b) => (a.median ?? 0) - (b.median ?? 0)).at(0)
    const where = `${group.ram_MB} MB, ${group.load}, ${group.link}`
    return best === undefined ? [] : ratio(where, group.figures[figure], best)
  })
}

function ratio(where: string, ours: Description, theirs: Description): Ratio[] {
  if (ours.median === null || theirs.median === null || theirs.median <= 0) return []
  const [a, b] = [ours.interval, theirs.interval]
  const interval = a === null || b === null || b.low <= 0 ? null : { low: a.low / b.high, high: a.high / b.low }
  return [{ where, value: ours.median / theirs.median, interval }]
}

/** A large guest against a small one, for each load and link. */
function bySize(groups: readonly Group[], large: number, small: readonly number[]): Ratio[] {
  return groups
    .filter(({ ram_MB }) => ram_MB === large)
    .flatMap((group) => {
      const other = groups.find(
        ({ ram_MB, load, link }) => small.includes(ram_MB) && load === group.load && link === group.link,
      )
      const where = `${group.load}, ${group.link}`
      return other === undefined ? [] : ratio(where, group.figures.pause_run_ms, other.figures.pause_run_ms)
    })
}

/** Unlike hosts against like ones, for each algorithm, over all conditions that both were measured under. */
function byPair(rows: readonly Row[]): Ratio[] {
  const ferry = rows.filter(({ peer }) => peer === 'ferry')
  return [...Map.groupBy(ferry, ({ algorithm }) => algorithm)].flatMap(([algorithm, own]) => {
    const of = (pair: Row['pair']) => own.filter((row) => row.pair === pair)
    const both = (row: Row) =>
      ['heterogeneous', 'homogeneous'].every((pair) =>
        own.some(
          (other) =>
            other.pair === pair &&
            other.ram_MB === row.ram_MB &&
            other.load === row.load &&
            other.link === row.link &&
            valuesOf([other], 'pause_run_ms').length > 0,
        ),
      )
    const values = (pair: Row['pair']) => describe(valuesOf(of(pair).filter(both), 'pause_run_ms'))
    return ratio(algorithm, values('heterogeneous'), values('homogeneous'))
  })
}

function worst(name: string, limit: number, all: readonly Ratio[]): Target {
  const limitText = `≤ ${limit} ×`
  const last = all.toSorted((a, b) => a.value - b.value).at(-1)
  if (last === undefined) return unmeasured(name, limitText)
  const { value, where, interval } = last
  const spread = interval === null ? '' : ` (${interval.low.toFixed(2)}–${interval.high.toFixed(2)})`
  const kept = all.filter((each) => each.value <= limit).length
  return {
    name,
    limit: limitText,
    figure: `${value.toFixed(2)} ×${spread} at ${where}; ${kept} of ${all.length} within`,
    reached: value <= limit,
    margin: percent(value, limit),
  }
}

function atMost(
  name: string,
  limit: number,
  rows: readonly Row[],
  figure: Figure,
  which: (row: Row) => boolean,
): Target {
  const limitText = `≤ ${limit}`
  const { median, interval, n } = describe(valuesOf(rows.filter(which), figure))
  if (median === null) return unmeasured(name, limitText)
  const spread = interval === null ? '' : `${interval.low.toFixed(1)}–${interval.high.toFixed(1)}, `
  return {
    name,
    limit: limitText,
    figure: `${median.toFixed(1)} (${spread}n ${n})`,
    reached: median <= limit,
    margin: percent(median, limit),
  }
}

/** Published: 60 ms for a Quake 3 server and 210 ms for a web server (Clark et al. 2005, 6.3 and 6.4). */
function outages(rows: readonly Row[]): Target[] {
  const pre = (load: string) => (row: Row) =>
    row.peer === 'ferry' && row.algorithm === 'pre-copy' && row.load === load && row.link === 'unlimited'
  return [
    atMost('outage of a game server at 20 Hz, pre-copy, ms', 60, rows, 'outage_ms', pre('game')),
    atMost('outage of a web server under load, pre-copy, ms', 210, rows, 'outage_ms', pre('web')),
  ]
}

/** No wrong page, no failed check and no lost guest, and enough migrations of each kind to say so. */
function none(name: string, rows: readonly Row[], peer: Row['peer']): Target {
  const { migrations, compared, lost, wrongPages, comparisonsWithWrongPages, checksFailed } = countsOf(
    rows.filter((row) => row.peer === peer),
  )
  const limit = `0 wrong, 0 lost, over ≥ ${ENOUGH_MIGRATIONS} each`
  if (migrations === 0) return unmeasured(`${name}; guests lost`, limit)
  const clean = lost === 0 && wrongPages === 0 && checksFailed === 0
  const missing = Math.max(0, ENOUGH_MIGRATIONS - Math.min(migrations, compared))
  return {
    name: `${name}; guests lost`,
    limit,
    figure:
      `${wrongPages} pages in ${comparisonsWithWrongPages} of ${compared} comparisons; ` +
      `${lost} of ${migrations} guests lost; ${checksFailed} checks failed`,
    reached: !clean ? false : missing > 0 ? null : true,
    margin: clean && missing > 0 ? `${missing} more to be made` : '',
  }
}

const unmeasured = (name: string, limit: string): Target => ({
  name,
  limit,
  figure: 'not measured',
  reached: null,
  margin: '',
})

const percent = (value: number, limit: number): string =>
  `${Math.abs(100 * (1 - value / limit)).toFixed(0)} % ${value <= limit ? 'below' : 'above'}`
