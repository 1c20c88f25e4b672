/** The columns of the table of runs. */
import type { ListedRun } from '../../../../engine/contract/lab.ts'
import type { Column } from '../../data/columns.ts'
import { count, directionOf, directionTitle, fixed, mebibytes, megabytes, moment } from '../../data/format.ts'
import { METRICS, type Metric } from '../../charts/models/by-condition.ts'

const time = (id: Metric, title: string, decimals: number): Column<ListedRun> => ({
  id,
  title,
  unit: 'ms',
  meaning: METRICS[id].definition,
  align: 'end',
  width: 7.75,
  descendingFirst: true,
  text: (run) => fixed(run[id], decimals),
  sortBy: (run) => run[id],
})

export const RUN_COLUMNS: readonly Column<ListedRun>[] = [
  {
    id: 'started_at',
    title: 'Started',
    width: 9.75,
    descendingFirst: true,
    text: (run) => moment(run.started_at),
    sortBy: (run) => Date.parse(run.started_at),
  },
  { id: 'outcome', title: 'Outcome', width: 6.75, text: (run) => run.outcome, sortBy: (run) => run.outcome },
  {
    id: 'direction',
    title: 'Direction',
    width: 7.5,
    text: (run) => directionTitle(directionOf(run)),
    sortBy: (run) => directionOf(run),
  },
  { id: 'algorithm', title: 'Algorithm', width: 7.5, text: (run) => run.algorithm, sortBy: (run) => run.algorithm },
  time('downtime_ms', 'Downtime', 2),
  time('outage_ms', 'Outage', 1),
  time('total_ms', 'Total', 1),
  { id: 'guest', title: 'Guest', width: 5.5, text: (run) => run.guest, sortBy: (run) => run.guest },
  {
    id: 'ram_B',
    title: 'RAM',
    unit: 'MiB',
    align: 'end',
    width: 5.5,
    descendingFirst: true,
    text: (run) => mebibytes(run.ram_B, 0),
    sortBy: (run) => run.ram_B,
  },
  { id: 'workload', title: 'Workload', width: 7.5, text: (run) => run.workload, sortBy: (run) => run.workload },
  {
    id: 'link',
    title: 'Link',
    meaning: 'Preset, or own bandwidth, latency and jitter.',
    width: 6.5,
    text: (run) => run.link,
    sortBy: (run) => run.link,
  },
  {
    id: 'bytes_sent_B',
    title: 'Sent',
    unit: 'MB',
    meaning: 'All bytes that the source wrote to the connection.',
    align: 'end',
    width: 6,
    descendingFirst: true,
    text: (run) => megabytes(run.bytes_sent_B),
    sortBy: (run) => run.bytes_sent_B,
  },
  {
    id: 'rounds',
    title: 'Rounds',
    meaning: 'Rounds before the guest stopped.',
    align: 'end',
    width: 5,
    descendingFirst: true,
    text: (run) => count(run.rounds.length),
    sortBy: (run) => run.rounds.length,
  },
  {
    id: 'pages_retransmitted',
    title: 'Resent',
    unit: 'pages',
    meaning: 'Pages that had been sent before in the same run.',
    align: 'end',
    width: 6.5,
    descendingFirst: true,
    text: (run) => count(run.pages_retransmitted),
    sortBy: (run) => run.pages_retransmitted,
  },
  {
    id: 'note',
    title: 'Note',
    meaning: 'Your words on the run; they are searched too.',
    width: 9,
    text: (run) => run.note ?? '',
    sortBy: (run) => run.note,
  },
]

/** Value of a column for sorting, by the column's id. */
export function sortValueOf(column: string): Column<ListedRun>['sortBy'] {
  return RUN_COLUMNS.find(({ id }) => id === column)?.sortBy ?? (() => null)
}
