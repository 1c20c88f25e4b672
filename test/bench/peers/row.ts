/**
 * One migration of the bench, as a line of its CSV file. A line is written as soon as the migration is over, so that a
 * bench that ends early loses nothing. No cell has a comma, a quote or a line break: a line is its cells, joined.
 */
import * as v from 'valibot'
import { FerryError } from '../../../engine/util/errors.ts'
import { LOAD_NAMES } from './loads.ts'

const figure = v.nullable(v.number())
const count = v.nullable(v.pipe(v.number(), v.integer()))
const word = v.pipe(v.string(), v.regex(/^[^,"\r\n]*$/))

export const PEERS = ['ferry', 'qemu', 'v86'] as const
export const PAIRS = ['heterogeneous', 'homogeneous', 'none'] as const
/** `timed`: nothing disturbs the times. `compared`: all of RAM is compared. `warm-up`: not counted. */
export const KINDS = ['timed', 'compared', 'warm-up'] as const
/** `failed`: the guest stayed on its source, or the migration did not end. `lost`: the guest does not run any more. */
export const OUTCOMES = ['completed', 'failed', 'lost'] as const

export const row = v.object({
  at: word,
  /** Processes that wanted to run on the machine, averaged over the minute before. */
  machine_load: v.number(),
  peer: v.picklist(PEERS),
  algorithm: word,
  pair: v.picklist(PAIRS),
  ram_MB: v.number(),
  load: v.picklist(LOAD_NAMES),
  link: word,
  kind: v.picklist(KINDS),
  outcome: v.picklist(OUTCOMES),
  /** vCPU paused on the source → running on the target. */
  pause_run_ms: figure,
  /** Largest gap between two beats around the migration, and the largest before it. */
  tick_gap_ms: figure,
  tick_base_ms: figure,
  ticks_missing: count,
  ticks_repeated: count,
  /** From the command to the end on both sides. */
  total_ms: figure,
  /** Target made ready: a process started, or host memory reserved and a machine created. Part of Ferry's total. */
  prepare_ms: figure,
  /** The total without it: what has to do with the guest. */
  transfer_ms: figure,
  bytes_B: figure,
  /** Pages of RAM that differ between source and target before the guest goes on. */
  wrong_pages: count,
  /** The guest's own check of its files and of the pages that its load wrote. */
  guest_check: v.nullable(v.picklist(['ok', 'failed'])),
  /** Longest time without an answer that the clients saw, less their interval, and how exactly that is known. */
  outage_ms: figure,
  outage_resolution_ms: figure,
  /** Requests of the clients that were never answered. */
  unanswered: count,
  /** Pages that the guest had to wait for after the switch-over, and for how long. */
  faults: count,
  fault_p50_us: figure,
  fault_p99_us: figure,
  note: word,
})
export type Row = v.InferOutput<typeof row>

/** What is fixed of a row before its migration. */
const caseNames = ['at', 'machine_load', 'peer', 'algorithm', 'pair', 'ram_MB', 'load', 'link', 'kind'] as const
/** What a peer measures of one migration; what it has no figure for is absent. */
export const measured = v.object({
  ...v.partial(v.omit(row, [...caseNames, 'outcome'])).entries,
  outcome: row.entries.outcome,
})
export type Measured = v.InferOutput<typeof measured>

const COLUMNS = Object.keys(row.entries) as readonly (keyof Row)[]
const NUMERIC = new Set<string>(
  Object.entries(row.entries).flatMap(([name, schema]) =>
    schema === figure || schema === count || name === 'ram_MB' || name === 'machine_load' ? [name] : [],
  ),
)
/** Columns in which an empty cell is no value, not an empty text. */
const NULLABLE = new Set([...NUMERIC, 'guest_check'])

export const csvHeader = (): string => `${COLUMNS.join(',')}\n`

/** Text without the characters that a cell cannot hold. */
export const plainText = (text: string, length = 300): string =>
  text
    .replace(/[,"\s]+/g, ' ')
    .trim()
    .slice(0, length)

export function csvLine(values: Row): string {
  return `${COLUMNS.map((name) => values[name] ?? '').join(',')}\n`
}

/**
 * The rows of a file, in its order; a last line that was cut off is left out.
 * @throws FerryError `bench.csv` naming the line
 */
export function parseCsv(text: string): Row[] {
  const lines = text.split('\n')
  if (lines[0] !== COLUMNS.join(',')) {
    throw new FerryError('bench.csv', 'The file is not one of this bench, or of another version of it.')
  }
  return lines.slice(1, -1).map((line, index) => {
    const cells = line.split(',')
    const values = Object.fromEntries(COLUMNS.map((name, i) => [name, value(name, cells[i] ?? '')]))
    const parsed = v.safeParse(row, values)
    if (parsed.success && cells.length === COLUMNS.length) return parsed.output
    throw new FerryError('bench.csv', `Line ${index + 2} of the file is no row of this bench.`, { line: index + 2 })
  })
}

function value(name: string, cell: string): string | number | null {
  if (cell === '' && NULLABLE.has(name)) return null
  return NUMERIC.has(name) ? Number(cell) : cell
}

/** A whole row out of a case and what was measured. */
export function completeRow(of: Pick<Row, (typeof caseNames)[number]>, { note, ...figures }: Measured): Row {
  const given = new Map<string, unknown>(Object.entries({ ...of, ...figures, note: plainText(note ?? '') }))
  return v.parse(row, Object.fromEntries(COLUMNS.map((name) => [name, given.get(name) ?? null])))
}
