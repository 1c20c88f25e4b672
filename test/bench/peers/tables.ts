/** Tables of the results, in Markdown that reads as plain text too. Pure. */
import type { Description } from '../../../engine/lab/export/statistics.ts'
import { markdownTable } from '../statistics.ts'
import { LOADS } from './loads.ts'
import { type Group } from './summary.ts'
import type { Target } from './targets.ts'

/** `median (low–high)`; a dash where nothing was measured. */
function cell({ median, interval }: Description, scale = 1, digits = 1): string {
  if (median === null) return '–'
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

function resultTable(groups: readonly Group[]): string {
  const title = ({ peer, algorithm, pair }: Group) => `${PEER_TITLES[peer]} ${algorithm}${PAIR_TITLES[pair]}`
  const rows = groups
    .toSorted((a, b) => title(a).localeCompare(title(b)))
    .map((group) => {
      const { figures, migrations, failed, lost, brokenTicks, compared, wrongPages, comparisonsWithWrongPages } = group
      return [
        title(group),
        cell(figures.pause_run_ms),
        cell(figures.tick_gap_ms),
        cell(figures.outage_ms),
        cell(figures.total_ms, 1, 0),
        cell(figures.bytes_B, 1e6),
        compared === 0 ? '–' : `${wrongPages} (${comparisonsWithWrongPages} of ${compared})`,
        `${lost} of ${migrations}`,
        String(failed),
        String(brokenTicks),
        String(figures.pause_run_ms.n),
      ]
    })
  const head = [
    'peer, algorithm',
    'pause → run, ms',
    'largest tick gap, ms',
    'outage, ms',
    'total, ms',
    'sent, MB',
    'wrong pages (in … comparisons)',
    'guests lost',
    'failed',
    'ticks broken',
    'n',
  ]
  return markdownTable([head, ...rows])
}

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
