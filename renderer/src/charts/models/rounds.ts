/** The rounds of a pre-copy: what was sent in each, against what the guest dirtied meanwhile. */
import type { RunReport } from '../../../../engine/contract/report.ts'
import { count, fixed, megabytes, plural } from '../../data/format.ts'
import type { BarChart } from '../model.ts'

/** A round that sends more than this many times the last one is why the axis becomes logarithmic. */
const LOG_FROM = 50

/** Null for a run without rounds. */
export function roundsOfRun(run: RunReport): BarChart | null {
  const { rounds } = run
  const [first] = rounds
  const last = rounds.at(-1)
  if (first === undefined || last === undefined) return null
  const figures = rounds.flatMap((round) => [round.pages_sent, round.dirty_pages])
  const positive = figures.filter((n) => n > 0)
  const log = Math.max(...positive, 1) / Math.min(...positive, Infinity) > LOG_FROM
  const most = `Round 0 sent ${plural(first.pages_sent, 'page')}, and the guest dirtied ${count(first.dirty_pages)} meanwhile.`
  return {
    kind: 'bars',
    stacked: false,
    id: 'rounds',
    title: 'Rounds: pages sent against pages dirtied',
    definition:
      'Sent: pages sent in the round, zero pages included. Dirtied: pages that the guest wrote to while the round was sent; the next round sends them again.',
    caption: `n = ${plural(rounds.length, 'round')} before the guest stopped; the pages sent while it stood still are not among them.`,
    summary: `${most}${rounds.length > 1 ? ` The last of ${rounds.length} rounds sent ${count(last.pages_sent)} and left ${count(last.dirty_pages)} dirty.` : ''}`,
    table: {
      columns: ['Round', 'Sent (pages)', 'Zero (pages)', 'Dirtied (pages)', 'Sent (MB)', 'Lasted (ms)'],
      rows: rounds.map((round) => [
        count(round.index),
        count(round.pages_sent),
        count(round.zero_pages),
        count(round.dirty_pages),
        megabytes(round.bytes_sent_B, 2),
        fixed(round.duration_ms, 1),
      ]),
    },
    categories: rounds.map((round) => String(round.index)),
    categoryTitle: 'Round',
    series: [
      { name: 'Sent', look: 0, values: rounds.map((round) => round.pages_sent) },
      { name: 'Dirtied meanwhile', look: 1, values: rounds.map((round) => round.dirty_pages) },
    ],
    value: { title: `Pages${log ? ', log' : ''}`, scale: log ? 'log' : 'linear' },
  }
}
