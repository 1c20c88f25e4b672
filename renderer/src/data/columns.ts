/** A column of a table of many rows. */
import type { SortValue } from './sorting.ts'

export interface Column<Row> {
  readonly id: string
  readonly title: string
  /** Stands in the header, so that the cells are figures only. */
  readonly unit?: string
  /** What the figure means, for the header's tooltip. */
  readonly meaning?: string
  /** Numbers end together. */
  readonly align?: 'start' | 'end'
  /** Least width, rem; columns share what is left. */
  readonly width: number
  /** Figures are read from the greatest, names from A. */
  readonly descendingFirst?: boolean
  readonly text: (row: Row) => string
  readonly sortBy: (row: Row) => SortValue
}
