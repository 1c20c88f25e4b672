/** Plans, experiments and their results as text. Exact values are in `--json` and in the CSV. */
import type { Comparison, ResultGroup, Results } from '../contract/experiment-results.ts'
import type { ExperimentView, PlanCheck, ReadyMadePlan } from '../contract/experiments.ts'
import { duration, localTime, msFigure, plural, shortId } from './format.ts'
import { type Column, pairs, table } from './table.ts'

type Described = ResultGroup['metrics']['downtime_ms']

/** What a plan comes to. */
export function checkText({ conditions, trials, estimate_ms, warnings }: PlanCheck): string {
  const time = estimate_ms === null ? 'unknown' : `about ${duration(estimate_ms)}, with guests that are built already`
  const facts = pairs([
    ['conditions', String(conditions.length)],
    ['trials', `${trials}, warm-up included`],
    ['time', time],
  ])
  return [facts, ...conditions.map((title, i) => `  ${i + 1}. ${title}`), ...warnings].join('\n')
}

export function plansText(plans: readonly ReadyMadePlan[]): string {
  return plans.map(({ id, question, plan }) => `${id}  (${plan.name})\n    ${question}`).join('\n')
}

export function listText(all: readonly ExperimentView[]): string {
  if (all.length === 0) return 'There are no experiments. `ferry experiment plans` shows plans to start from.'
  return table(LIST, all)
}

const LIST: readonly Column<ExperimentView>[] = [
  { title: 'experiment', cell: ({ experiment_id }) => shortId(experiment_id) },
  { title: 'started', cell: ({ created_at }) => localTime(created_at) },
  { title: 'name', cell: ({ name }) => name },
  { title: 'shard', cell: ({ shard: { index, count } }) => (count === 1 ? '-' : `${index}/${count}`) },
  { title: 'state', cell: ({ state }) => state },
  { title: 'trials', align: 'right', cell: ({ ended, trials }) => `${ended}/${trials}` },
  { title: 'failed', align: 'right', cell: ({ failed }) => String(failed) },
]

/** Figures of every condition, and what the levels of each factor do to downtime and total time. */
export function resultsText(results: Results): string {
  const { plan, measured, expected, missing_repeats, machines, pool_machines, comparisons } = results
  const lines = [`${plan.name} · ${measured} of ${plural(expected, 'trial')} measured`]
  if (missing_repeats.length > 0 && missing_repeats.length < plan.repeats) {
    lines.push(`  Repeats of which nothing is here: ${missing_repeats.join(', ')}.`)
  }
  const several = machines.length > 1
  if (several && pool_machines) lines.push(`  ${machines.length} machines, thrown together as asked for.`)
  for (const machine_id of [...new Set(results.groups.map((group) => group.machine_id))]) {
    const groups = results.groups.filter((group) => group.machine_id === machine_id)
    if (several && machine_id !== null) {
      const machine = machines.find((held) => held.machine_id === machine_id)
      lines.push('', `Machine ${machine_id}: ${machine?.cpu_model ?? ''}, ${machine?.cores ?? 0} cores`)
    }
    const caption = 'Median [95 % interval of the median], and below it the quartiles (IQR); n = completed trials'
    lines.push('', caption, '', table(GROUPS, groups.flatMap(rowsOf), '  '))
    const compared = comparisons.filter((row) => row.machine_id === machine_id && SHOWN.has(row.metric))
    if (compared.length > 0) lines.push('', 'Compared, all else being equal', '', table(COMPARED, compared, '  '))
  }
  return lines.join('\n')
}

const SHOWN = new Set<string>(['downtime_ms', 'total_ms'])

/** The interval stands beside its median: a median alone says more than was measured. */
function described({ median, ci_low, ci_high }: Described, figure: (value: number) => string): string {
  if (median === null) return '-'
  const interval = ci_low === null || ci_high === null ? '' : ` [${figure(ci_low)}, ${figure(ci_high)}]`
  return figure(median) + interval
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)

/** Of a condition: its medians, then its quartiles. */
interface Row {
  readonly group: ResultGroup
  readonly figure: typeof described
  readonly first: boolean
}

function rowsOf(group: ResultGroup): Row[] {
  const medians = { group, figure: described, first: true }
  return group.completed === 0 ? [medians] : [medians, { group, figure: quartiles, first: false }]
}

function quartiles({ q1, q3 }: Described, figure: (value: number) => string): string {
  return q1 === null || q3 === null ? '' : `IQR ${figure(q1)} to ${figure(q3)}`
}

const once =
  (cell: (group: ResultGroup) => string) =>
  ({ group, first }: Row): string =>
    first ? cell(group) : ''
const metric =
  (name: keyof ResultGroup['metrics'], text: (value: number) => string) =>
  ({ group, figure }: Row): string =>
    figure(group.metrics[name], text)

const GROUPS: readonly Column<Row>[] = [
  { title: 'condition', cell: once(({ title }) => title) },
  { title: 'n', align: 'right', cell: once(({ completed }) => String(completed)) },
  { title: 'failed', align: 'right', cell: once(({ failed }) => String(failed)) },
  { title: 'downtime, ms', align: 'right', cell: metric('downtime_ms', msFigure) },
  { title: 'outage, ms', align: 'right', cell: metric('outage_ms', msFigure) },
  { title: 'total, ms', align: 'right', cell: metric('total_ms', msFigure) },
  { title: 'sent, MB', align: 'right', cell: metric('bytes_sent_B', megabytes) },
]

const COMPARED: readonly Column<Comparison>[] = [
  { title: 'figure', cell: ({ metric }) => metric.replace('_ms', '') },
  { title: 'levels', cell: ({ a_level, b_level }) => `${b_level} ÷ ${a_level}` },
  { title: 'at', cell: ({ elsewhere }) => elsewhere },
  { title: 'ratio [95 %]', align: 'right', cell: ratioText },
  { title: "Cliff's δ", align: 'right', cell: ({ delta }) => delta?.toFixed(2) ?? '-' },
  { title: 'effect', cell: ({ magnitude }) => magnitude ?? '-' },
]

function ratioText({ ratio, ratio_low, ratio_high }: Comparison): string {
  if (ratio === null) return '-'
  const interval =
    ratio_low === null || ratio_high === null ? '' : ` [${ratio_low.toFixed(2)}, ${ratio_high.toFixed(2)}]`
  return ratio.toFixed(2) + interval
}
