/** Rows of a bench, brought together by their conditions. Pure. */
import { describe, type Description } from '../../../engine/lab/export/statistics.ts'
import type { Row } from './row.ts'

export type Conditions = Pick<Row, 'peer' | 'algorithm' | 'pair' | 'ram_MB' | 'load' | 'link'>
export const FIGURES = [
  'pause_run_ms',
  'tick_gap_ms',
  'total_ms',
  'transfer_ms',
  'bytes_B',
  'outage_ms',
  'fault_p50_us',
  'fault_p99_us',
] as const
export type Figure = (typeof FIGURES)[number]

export interface Group extends Conditions {
  /** Of the timed migrations that were completed. */
  readonly figures: Readonly<Record<Figure, Description>>
  /** All migrations that were begun, and what became of them. */
  readonly migrations: number
  readonly failed: number
  readonly lost: number
  /** Migrations whose beats did not go on by one. */
  readonly brokenTicks: number
  /** Comparisons of all of RAM: how many, with how many pages that differed, in how many of them. */
  readonly compared: number
  readonly wrongPages: number
  readonly comparisonsWithWrongPages: number
  readonly checksFailed: number
}

/** One group for each condition, in the order in which it first comes; warm-ups do not count. */
export function groupsOf(rows: readonly Row[]): Group[] {
  const counted = rows.filter(({ kind }) => kind !== 'warm-up')
  return [...Map.groupBy(counted, conditionKey).values()].map((members) => {
    const [{ peer, algorithm, pair, ram_MB, load, link }] = members
    return { peer, algorithm, pair, ram_MB, load, link, ...countsOf(members), figures: figuresOf(members) }
  })
}

const conditionKey = ({ peer, algorithm, pair, ram_MB, load, link }: Conditions): string =>
  [peer, algorithm, pair, ram_MB, load, link].join(' ')

/** Values of a figure over the timed migrations that were completed. */
export function valuesOf(rows: readonly Row[], figure: Figure): number[] {
  return rows
    .filter(({ kind, outcome }) => kind === 'timed' && outcome === 'completed')
    .flatMap((row) => row[figure] ?? [])
}

function figuresOf(rows: readonly Row[]): Record<Figure, Description> {
  const of = (figure: Figure) => describe(valuesOf(rows, figure))
  return {
    pause_run_ms: of('pause_run_ms'),
    tick_gap_ms: of('tick_gap_ms'),
    total_ms: of('total_ms'),
    transfer_ms: of('transfer_ms'),
    bytes_B: of('bytes_B'),
    outage_ms: of('outage_ms'),
    fault_p50_us: of('fault_p50_us'),
    fault_p99_us: of('fault_p99_us'),
  }
}

/** What became of some migrations. */
export function countsOf(rows: readonly Row[]): Omit<Group, keyof Conditions | 'figures'> {
  const counted = rows.filter(({ kind }) => kind !== 'warm-up')
  const number = (fits: (row: Row) => boolean) => counted.filter(fits).length
  return {
    migrations: counted.length,
    failed: number(({ outcome }) => outcome === 'failed'),
    lost: number(({ outcome }) => outcome === 'lost'),
    brokenTicks: number(
      ({ outcome, ticks_missing, ticks_repeated }) =>
        outcome === 'completed' && ((ticks_missing ?? 0) > 0 || (ticks_repeated ?? 0) > 0),
    ),
    compared: number(({ wrong_pages }) => wrong_pages !== null),
    wrongPages: counted.reduce((sum, { wrong_pages }) => sum + (wrong_pages ?? 0), 0),
    comparisonsWithWrongPages: number(({ wrong_pages }) => (wrong_pages ?? 0) > 0),
    checksFailed: number(({ guest_check }) => guest_check === 'failed'),
  }
}
