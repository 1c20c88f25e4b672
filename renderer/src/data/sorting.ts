/** Sorting of rows by one column. */
export type SortValue = string | number | null

export interface Sort {
  readonly column: string
  readonly descending: boolean
}

/** Stable; texts by their parts (`disk-2` before `disk-10`); what has no value comes last either way. */
export function sortRows<Row>(rows: readonly Row[], valueOf: (row: Row) => SortValue, descending: boolean): Row[] {
  const keyed = rows.map((row) => ({ row, value: valueOf(row) }))
  keyed.sort((a, b) => {
    if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null)
    const order = compare(a.value, b.value)
    return descending ? -order : order
  })
  return keyed.map(({ row }) => row)
}

const texts = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

function compare(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return texts.compare(String(a), String(b))
}

/** A press on a header: a new column begins as its kind suggests, the same one turns round. */
export function nextSort(sort: Sort | null, column: string, descendingFirst: boolean): Sort {
  if (sort?.column === column) return { column, descending: !sort.descending }
  return { column, descending: descendingFirst }
}
