/**
 * What a chart shows, apart from how it is drawn: the screen (Chart.js), the SVG file and the table all read this, so
 * that they cannot disagree.
 */
import type { Box } from './statistics.ts'

export interface Axis {
  /** With its unit: `Downtime (ms)`. */
  readonly title: string
  readonly scale: 'linear' | 'log'
  /** Where the axis ends, if not where the values do. */
  readonly most?: number
  /** Marks at whole numbers only. */
  readonly whole?: boolean
}

export interface TableTwin {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** What every chart has. */
export interface ChartText {
  /** For file names. */
  readonly id: string
  readonly title: string
  /** What is drawn and from how many runs, probes or rounds. */
  readonly caption: string
  /** What the figure means and how it was measured. */
  readonly definition: string
  /** The result in sentences, for those who do not see the drawing. */
  readonly summary: string
  readonly table: TableTwin
}

export interface BoxChart extends ChartText {
  readonly kind: 'box'
  readonly categories: readonly string[]
  /** One box a category; null = no runs. `look` is an index into the patterns. */
  readonly series: readonly { readonly name: string; readonly look: number; readonly boxes: readonly (Box | null)[] }[]
  readonly value: Axis
}

export interface BarChart extends ChartText {
  readonly kind: 'bars'
  /** Columns side by side stand upright; stacked ones lie. */
  readonly stacked: boolean
  readonly categories: readonly string[]
  readonly categoryTitle: string
  /** A value is null where there is nothing to draw; `intervals` are drawn over the tops of columns. */
  readonly series: readonly {
    readonly name: string
    readonly look: number
    readonly values: readonly (number | null)[]
    readonly intervals?: readonly (readonly [low: number, high: number] | null)[]
  }[]
  readonly value: Axis
}

/** A point without a mark only leads the line on. */
export interface LinePoint {
  readonly x: number
  readonly y: number
  readonly bare?: boolean
}

/** Points over an axis of numbers. */
export interface LineChart extends ChartText {
  readonly kind: 'lines'
  /** `steps`: level until the next point. `points`: nothing between them. */
  readonly drawn: 'line' | 'steps' | 'points'
  /** `look` is an index into the marks and dashes. */
  readonly series: readonly { readonly name: string; readonly look: number; readonly points: readonly LinePoint[] }[]
  readonly x: Axis
  readonly value: Axis
}

/** Stretches of time, one below the other. */
export interface SpanChart extends ChartText {
  readonly kind: 'spans'
  readonly spans: readonly {
    readonly name: string
    readonly from: number
    readonly to: number
    readonly label: string
  }[]
  readonly value: Axis
}

/** Stretches of time in rows, several in each. */
export interface FlameChart extends ChartText {
  readonly kind: 'flame'
  /** From above. */
  readonly rows: readonly string[]
  readonly spans: readonly {
    /** Index of its row. */
    readonly row: number
    readonly name: string
    readonly from: number
    readonly to: number
    /** Its length, with the unit. */
    readonly label: string
  }[]
  readonly value: Axis
}

export interface TimelineChart extends ChartText {
  readonly kind: 'timeline'
  readonly points: readonly { readonly x: number; readonly y: number }[]
  /** Probes without an answer, on the upper edge. */
  readonly lost: readonly number[]
  readonly bands: readonly {
    readonly from: number
    readonly to: number
    readonly label: string
    readonly bad: boolean
  }[]
  readonly x: Axis
  readonly value: Axis
}

export type ChartModel = BoxChart | BarChart | LineChart | SpanChart | FlameChart | TimelineChart
