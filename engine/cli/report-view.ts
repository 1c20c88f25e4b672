/** A run's report, and the summary of several, as text. The meaning of each figure is in engine/contract/report.ts. */
import type { DowntimeParts, RoundReport, RunReport } from '../contract/report.ts'
import type { SavingsReport } from '../contract/savings.ts'
import { describe } from '../lab/export/statistics.ts'
import { count, memory, ms, msFigure, percent, plural, shortId, traffic } from './format.ts'
import { comparisonText } from './prediction-view.ts'
import { windowText } from './window-view.ts'
import { pairs, printable, table, type Column } from './table.ts'

const PART_NAMES: Readonly<Record<keyof DowntimeParts, string>> = {
  pause_ms: 'pause',
  last_pages_ms: 'last pages',
  capture_ms: 'capture',
  pack_ms: 'pack',
  send_ms: 'send',
  unpack_ms: 'unpack',
  restore_ms: 'restore',
  resume_ms: 'resume',
}

/** More rounds than this are shown without their middle: so many of the first and of the last. */
const ROUNDS_SHOWN = 16
const ROUNDS_AT_ENDS = 6

/** e.g. `xen → kvm · pre-copy · linux 128 MiB · dirty:2000 · link 1G`. */
export function conditionsLine(run: RunReport): string {
  const parts = [
    `${run.from} → ${run.to}`,
    run.algorithm,
    `${run.guest} ${memory(run.ram_B)}`,
    run.workload,
    `link ${run.link}`,
  ]
  return parts
    .filter((part) => part !== '')
    .map(printable)
    .join(' · ')
}

/** Whether the run ended as it should: it completed, and no check that was made failed. */
export function succeeded(run: RunReport): boolean {
  return run.outcome === 'completed' && run.ram_equal !== false && run.guest_check !== 'failed'
}

/** All of one run. */
export function runText(run: RunReport, title = ''): string {
  const lines = [`${title}${title === '' ? '' : ' · '}${shortId(run.run_id)} · ${conditionsLine(run)}`]
  lines.push(pairs(runPairs(run)))
  if (run.critical_window !== null) lines.push('', windowText(run.critical_window))
  if (run.rounds.length > 0) lines.push('', roundsTable(run.rounds))
  if (run.prediction !== null) lines.push('', comparisonText(run))
  return lines.join('\n')
}

function runPairs(run: RunReport): [string, string][] {
  const rows: [string, string][] = [['outcome', run.outcome]]
  if (run.error !== null) rows.push(['reason', `${run.error.message} (${run.error.code})`])
  if (run.outcome !== 'completed') rows.push(['guest', whereIsGuest(run)])
  if (run.downtime_ms !== null) {
    rows.push(['downtime', `${ms(run.downtime_ms)}   vCPU stopped at ${run.from} → first instruction at ${run.to}`])
  }
  if (run.downtime_parts !== null) rows.push(['its parts, ms', partsText(run.downtime_parts)])
  rows.push([
    'outage',
    run.outage_ms === null
      ? 'not measured'
      : `${ms(run.outage_ms)}   seen by the network client${run.verify_ms === null ? '' : ', the RAM check included'}`,
  ])
  rows.push(['total', ms(run.total_ms)])
  rows.push([
    'sent',
    `${traffic(run.bytes_sent_B)} in ${plural(run.pages_sent, 'page')}, ` +
      `${count(run.pages_retransmitted)} of them again (${percent(run.pages_retransmitted, run.pages_sent)})`,
  ])
  if (run.pages_skipped > 0)
    rows.push(['skipped', `${plural(run.pages_skipped, 'page')}, dirtied again within the round`])
  if (run.savings !== null) rows.push(['not sent', savingsText(run.savings)])
  if (run.throttle_max > 0) {
    rows.push(['throttle', `up to ${percent(run.throttle_max, 1)}; the vCPU slept ${ms(run.throttled_ms)} for it`])
  }
  rows.push(['RAM check', ramCheck(run)])
  rows.push(['guest check', run.guest_check ?? 'not made'])
  return rows
}

/** e.g. `3,200 pages of zeros; 410 pages as deltas, 1.5 MB less (12 versions not kept); zstd 4.1 MB → 1.3 MB`. */
function savingsText({ zero_pages, free_pages = 0, delta, compression }: SavingsReport): string {
  const freed = free_pages === 0 ? '' : ` (${count(free_pages)} that the guest had given back)`
  const parts = [zero_pages === null ? 'pages of zeros too' : `${plural(zero_pages, 'page')} of zeros${freed}`]
  if (delta !== null) {
    const misses = delta.misses === 0 ? '' : ` (${plural(delta.misses, 'version')} not kept)`
    parts.push(`${plural(delta.pages, 'page')} as deltas, ${traffic(delta.saved_B)} less${misses}`)
  }
  if (compression !== null && compression.frames > 0)
    parts.push(`${compression.algorithm} ${traffic(compression.in_B)} → ${traffic(compression.out_B)}`)
  return parts.join('; ')
}

/** What the user wants to know first when a migration did not come to its end. */
export function whereIsGuest(run: RunReport): string {
  switch (run.error?.data['guest']) {
    case 'lost':
      return 'lost: the machine that ran it ended'
    case 'undecided':
      return `kept paused at ${run.from}: it is not known whether ${run.to} runs it`
    default:
      return `safe: it was not moved and is still at ${run.from}`
  }
}

export function partsText(parts: DowntimeParts): string {
  return Object.entries(PART_NAMES)
    .map(([key, name]) => `${name} ${msFigure(parts[key as keyof DowntimeParts])}`)
    .join(' + ')
}

function ramCheck(run: RunReport): string {
  if (run.ram_equal === null) return 'not asked for (--verify-ram)'
  const took = run.verify_ms === null ? '' : `   took ${ms(run.verify_ms)}, not part of the downtime`
  return run.ram_equal ? `equal, every page${took}` : `DIFFERENT in ${plural(run.wrong_pages ?? 0, 'page')}${took}`
}

const ROUND_COLUMNS: readonly Column<RoundReport | null>[] = [
  { title: 'round', align: 'right', cell: (round) => (round === null ? '…' : String(round.index)) },
  { title: 'pages sent', align: 'right', cell: (round) => cellOf(round?.pages_sent) },
  { title: 'of zeros', align: 'right', cell: (round) => cellOf(round?.zero_pages) },
  { title: 'dirtied meanwhile', align: 'right', cell: (round) => cellOf(round?.dirty_pages) },
  { title: 'bytes', align: 'right', cell: (round) => (round === null ? '' : traffic(round.bytes_sent_B)) },
  { title: 'time', align: 'right', cell: (round) => (round === null ? '' : ms(round.duration_ms)) },
]
const cellOf = (value: number | undefined): string => (value === undefined ? '' : count(value))

export function roundsTable(rounds: readonly RoundReport[], indent = '  '): string {
  const shown =
    rounds.length <= ROUNDS_SHOWN
      ? rounds
      : [...rounds.slice(0, ROUNDS_AT_ENDS), null, ...rounds.slice(-ROUNDS_AT_ENDS)]
  return table<RoundReport | null>(ROUND_COLUMNS, shown, indent)
}

/** Medians of the completed runs; the others are counted. */
export function summaryText(runs: readonly RunReport[]): string {
  const completed = runs.filter(({ outcome }) => outcome === 'completed')
  const having = (outcome: RunReport['outcome']): number => runs.filter((run) => run.outcome === outcome).length
  const head =
    `${plural(runs.length, 'run')}: ${completed.length} completed, ${having('failed')} failed, ` +
    `${having('cancelled')} cancelled`
  const rows = figuresOf(completed).filter(({ values }) => values.length > 0)
  return rows.length === 0 ? head : `${head}\n${table(SUMMARY_COLUMNS, rows, '  ')}`
}

interface Figure {
  readonly name: string
  readonly values: readonly number[]
}

function figuresOf(runs: readonly RunReport[]): Figure[] {
  const figure = (name: string, value: (run: RunReport) => number | null): Figure => ({
    name,
    values: runs.map(value).filter((each) => each !== null),
  })
  const parts = Object.keys(PART_NAMES) as (keyof DowntimeParts)[]
  return [
    figure('downtime, ms', (run) => run.downtime_ms),
    ...parts.map((part) => figure(`  ${PART_NAMES[part]}, ms`, (run) => run.downtime_parts?.[part] ?? null)),
    figure('outage, ms', (run) => run.outage_ms),
    figure('total, ms', (run) => run.total_ms),
    figure('rounds', (run) => run.rounds.length),
    figure('sent, MB', (run) => run.bytes_sent_B / 1e6),
    figure('pages again', (run) => run.pages_retransmitted),
  ]
}

const number = (value: number | null | undefined): string =>
  value === null || value === undefined ? '' : msFigure(value)

const SUMMARY_COLUMNS: readonly Column<Figure>[] = [
  { title: 'figure', cell: ({ name }) => name },
  { title: 'n', align: 'right', cell: ({ values }) => String(values.length) },
  { title: 'median', align: 'right', cell: ({ values }) => number(describe(values).median) },
  { title: 'quartile 1', align: 'right', cell: ({ values }) => number(describe(values).q1) },
  { title: 'quartile 3', align: 'right', cell: ({ values }) => number(describe(values).q3) },
  {
    title: '95 % interval of the median',
    align: 'right',
    cell: ({ values }) => {
      const { interval } = describe(values)
      return interval === null ? '' : `${number(interval.low)} – ${number(interval.high)}`
    },
  },
]
