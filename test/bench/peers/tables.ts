/** Tables of the results, in Markdown that reads as plain text too. Pure. */
import type { Description } from '../../../engine/lab/export/statistics.ts'
import { markdownTable } from '../statistics.ts'
import { LOADS } from './loads.ts'
import { type Group } from './summary.ts'
import type { Target } from './targets.ts'

const NOTHING = '–'

/** `median (low–high)`; a dash where nothing was measured. */
function cell({ median, interval }: Description, scale = 1, digits = 1): string {
  if (median === null) return NOTHING
  const text = (value: number) => (value / scale).toFixed(digits)
  return interval === null ? text(median) : `${text(median)} (${text(interval.low)}–${text(interval.high)})`
}

const PEER_TITLES = { ferry: 'Ferry', qemu: 'QEMU TCG', v86: 'v86' } as const
const PAIR_TITLES = { heterogeneous: ', unlike hosts', homogeneous: ', like hosts', none: '' } as const

/** One table for each load, size and link, so that what is compared stands together. */
export function resultTables(groups: readonly Group[]): string {
  const order = (group: Group) => [group.ram_MB, group.load, group.link === 'none' ? '' : group.link] as const
  const sections = Map.groupBy(groups, (group) => order(group).join(' '))
  // A peer without a link stands in the tables of all links.
  const linkless = groups.filter(({ link }) => link === 'none')
  const tables = [...sections.values()].flatMap((section) => {
    const [{ ram_MB, load, link }] = section
    if (link === 'none')
      return groups.some((g) => g.link !== 'none' && g.ram_MB === ram_MB && g.load === load) ? [] : [section]
    return [[...section, ...linkless.filter((group) => group.ram_MB === ram_MB && group.load === load)]]
  })
  return tables
    .toSorted((a, b) => compare(a[0], b[0]))
    .map((section) => {
      const [{ ram_MB, load, link }] = section
      const head = `### ${ram_MB} MB, ${LOADS[load].title}, ${link === 'none' ? 'no link' : `link ${link}`}`
      return `${head}\n\n${resultTable(section)}`
    })
    .join('\n\n')
}

const LOAD_ORDER = Object.keys(LOADS)
function compare(a: Group, b: Group): number {
  return a.ram_MB - b.ram_MB || LOAD_ORDER.indexOf(a.load) - LOAD_ORDER.indexOf(b.load) || b.link.localeCompare(a.link)
}

/** A column that no group has a figure in is left out. */
function resultTable(groups: readonly Group[]): string {
  const sorted = groups.toSorted((a, b) => titleOf(a).localeCompare(titleOf(b)))
  const columns = COLUMNS.map(([head, text]) => [head, ...sorted.map(text)]).filter(([, ...cells]) =>
    cells.some((text) => text !== NOTHING),
  )
  return markdownTable(columns[0].map((_, row) => columns.map((column) => column[row])))
}

const titleOf = ({ peer, algorithm, pair }: Group) => `${PEER_TITLES[peer]} ${algorithm}${PAIR_TITLES[pair]}`

const COLUMNS: readonly (readonly [head: string, text: (group: Group) => string])[] = [
  ['peer, algorithm', titleOf],
  ['pause → run, ms', ({ figures }) => cell(figures.pause_run_ms)],
  ['largest tick gap, ms', ({ figures }) => cell(figures.tick_gap_ms)],
  ['outage, ms', ({ figures }) => cell(figures.outage_ms)],
  ['total, ms', ({ figures }) => cell(figures.total_ms, 1, 0)],
  ['without the target’s start, ms', ({ figures }) => cell(figures.transfer_ms, 1, 0)],
  ['sent, MB', ({ figures }) => cell(figures.bytes_B, 1e6)],
  ['page fault p50, µs', ({ figures }) => cell(figures.fault_p50_us)],
  ['page fault p99, µs', ({ figures }) => cell(figures.fault_p99_us)],
  [
    'wrong pages (in … comparisons)',
    ({ compared, wrongPages, comparisonsWithWrongPages }) =>
      compared === 0 ? NOTHING : `${wrongPages} (${comparisonsWithWrongPages} of ${compared})`,
  ],
  ['guests lost', ({ lost, migrations }) => `${lost} of ${migrations}`],
  ['failed', ({ failed }) => String(failed)],
  ['ticks broken', ({ brokenTicks }) => String(brokenTicks)],
  ['n', ({ figures }) => String(figures.pause_run_ms.n)],
]

export function targetTable(targets: readonly Target[]): string {
  const verdict = { true: 'reached', false: 'not reached', null: 'open' } as const
  const rows = targets.map(({ name, limit, figure, reached, margin }) => [
    name,
    limit,
    figure,
    `${verdict[`${reached}`]}${margin === '' ? '' : `, ${margin}`}`,
  ])
  return markdownTable([['target', 'to reach', 'measured', ''], ...rows])
}
