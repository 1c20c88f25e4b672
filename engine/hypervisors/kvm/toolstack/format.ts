/** What `virsh` prints: its tables (vshTable), and its aligned lines. */

export type VirshState = 'running' | 'paused' | 'shut off' | 'crashed'

export interface VirshRow {
  /** Null: not running. */
  readonly id: number | null
  readonly name: string
  readonly state: VirshState
}

/** `virsh list`. */
export function virshList(rows: readonly VirshRow[]): string {
  const cells = [
    ['Id', 'Name', 'State'],
    ...rows.map(({ id, name, state }) => [id === null ? '-' : String(id), name, state]),
  ]
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column].length)))
  // vshTable: a space in front, three between columns.
  const lines = cells.map((row) => ` ${row.map((cell, i) => cell.padEnd(widths[i])).join('   ')}`.trimEnd())
  // Three for each column, too.
  const dashes = '-'.repeat(widths.reduce((sum, width) => sum + width, 0) + 3 * widths.length)
  return `${[lines[0], dashes, ...lines.slice(1)].join('\n')}\n\n`
}

/** `dominfo` and `domjobinfo`: `Key:   value`, values from column 16 or 18 on. */
export function virshLines(facts: Readonly<Record<string, string>>, column: number): string {
  const lines = Object.entries(facts).map(([key, value]) => `${`${key}:`.padEnd(column)}${value}\n`)
  return `${lines.join('')}\n`
}

/** Bytes as virsh scales them (vshPrettyCapacity): 3 decimals, binary units. */
export function virshBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${value.toFixed(3)} ${units[unit]}`
}
