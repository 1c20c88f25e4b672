/** Axes and options that the charts on the screen have in common. */
import type { ChartConfiguration, ChartOptions, ChartType } from 'chart.js'
import type { Palette } from './looks.ts'
import type { Axis } from './model.ts'
import { tickText } from './svg/frame.ts'
import { linearTicks, logTicks } from './svg/scale.ts'

export type Scale = NonNullable<NonNullable<ChartOptions['scales']>[string]>

/** An axis of numbers, with the marks of the SVG file. */
export function valueScale({ title, scale, most, whole }: Axis, p: Palette): Scale {
  return {
    ...(most === undefined ? {} : { max: most }),
    type: scale === 'log' ? 'logarithmic' : 'linear',
    ...(scale === 'linear'
      ? { beginAtZero: true, ...(most === undefined ? {} : { afterBuildTicks: roundTicks }) }
      : {
          afterBuildTicks(axis) {
            axis.ticks = logTicks(axis.min, axis.max).map((value) => ({ value }))
          },
        }),
    grid: { color: p.line },
    border: { color: p.axis },
    title: { display: true, text: title, color: p.text2 },
    ticks: {
      color: p.text2,
      maxRotation: 0,
      autoSkipPadding: 16,
      ...(whole === true ? { precision: 0 } : {}),
      callback: (value: string | number) => tickText(Number(value)),
    },
  }
}

/** An axis whose end is given has a mark there. */
function roundTicks(axis: { min: number; max: number; ticks: { value: number }[] }): void {
  axis.ticks = linearTicks(axis.min, axis.max).map((value) => ({ value }))
}

export const categoryScale = (p: Palette, title = ''): Scale => ({
  type: 'category',
  grid: { display: false },
  border: { color: p.axis },
  title: { display: title !== '', text: title, color: p.text2 },
  ticks: { color: p.text, maxRotation: 0, autoSkipPadding: 8 },
})

export function options(p: Palette, more: ChartOptions): ChartOptions {
  return {
    responsive: true,
    maintainAspectRatio: false,
    animation: false,
    ...more,
    plugins: {
      legend: {
        position: 'top',
        align: 'start',
        labels: { color: p.text, boxWidth: 16, boxHeight: 12, padding: 12 },
      },
      ...more.plugins,
    },
  }
}

export type Config = ChartConfiguration<ChartType>
