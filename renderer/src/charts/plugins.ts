/** What Chart.js does not draw by itself: counts below boxes, lengths beside spans, bands behind a timeline. */
import type { Chart, Plugin } from 'chart.js'
import { placeNames } from './flame.ts'
import { INTERVAL_CAP, type Palette } from './looks.ts'
import type { BarChart, BoxChart, FlameChart, SpanChart, TimelineChart } from './model.ts'

/** px, as many as `px` where type is 16 px high: it grows with the window, as `chartConfig` has set it. */
const grown = (chart: Chart, px: number): number => (px * (chart.options.font?.size ?? 12)) / 12

function pen(chart: Chart, p: Palette): CanvasRenderingContext2D {
  const { ctx } = chart
  ctx.font = `${grown(chart, 11)}px ${p.font}`
  ctx.fillStyle = p.text2
  return ctx
}

/** `n 12` below each box. */
export function countsPlugin(model: BoxChart, p: Palette): Plugin {
  return {
    id: 'counts',
    afterDatasetsDraw(chart) {
      const ctx = pen(chart, p)
      ctx.save()
      ctx.textAlign = 'center'
      model.series.forEach(({ boxes }, s) => {
        if (!chart.isDatasetVisible(s)) return
        chart.getDatasetMeta(s).data.forEach((element, c) => {
          const box = boxes[c]
          if (box !== null && box !== undefined)
            ctx.fillText(`n ${box.n}`, element.x, chart.chartArea.bottom + grown(chart, 14))
        })
      })
      ctx.restore()
    },
  }
}

/** The interval of each column, as a bracket over its top. */
export function intervalsPlugin(model: BarChart, p: Palette): Plugin {
  return {
    id: 'intervals',
    afterDatasetsDraw(chart) {
      const y = chart.scales['y']
      if (y === undefined || model.stacked) return
      const ctx = pen(chart, p)
      ctx.save()
      ctx.lineWidth = 1.5
      ctx.strokeStyle = p.text
      model.series.forEach(({ intervals = [] }, s) => {
        if (!chart.isDatasetVisible(s)) return
        chart.getDatasetMeta(s).data.forEach(({ x }, c) => {
          const interval = intervals[c]
          if (interval === null || interval === undefined) return
          const [low, high] = interval.map((value) => y.getPixelForValue(value))
          if (low === undefined || high === undefined) return
          ctx.beginPath()
          ctx.moveTo(x, low)
          ctx.lineTo(x, high)
          for (const end of [low, high]) {
            ctx.moveTo(x - INTERVAL_CAP, end)
            ctx.lineTo(x + INTERVAL_CAP, end)
          }
          ctx.stroke()
        })
      })
      ctx.restore()
    },
  }
}

/** The length of each span, to its right. */
export function spanLabelsPlugin(model: SpanChart, p: Palette): Plugin {
  return {
    id: 'span-labels',
    afterDatasetsDraw(chart) {
      const ctx = pen(chart, p)
      ctx.save()
      ctx.textBaseline = 'middle'
      chart.getDatasetMeta(0).data.forEach((element, i) => {
        ctx.fillText(model.spans[i]?.label ?? '', element.x + 6, element.y)
      })
      ctx.restore()
    },
  }
}

/** The name of each stretch above its bar, where there is room. */
export function flameNamesPlugin(model: FlameChart, p: Palette): Plugin {
  return {
    id: 'flame-names',
    afterDatasetsDraw(chart) {
      const { scales, chartArea } = chart
      const [x, y] = [scales['x'], scales['y']]
      if (x === undefined || y === undefined) return
      const ctx = pen(chart, p)
      ctx.save()
      ctx.textBaseline = 'bottom'
      const width = (name: string): number => ctx.measureText(name).width
      for (const name of placeNames(model, (ms) => x.getPixelForValue(ms), width, chartArea.right)) {
        ctx.fillText(name.text, name.x, y.getPixelForValue(name.row) - 10)
      }
      ctx.restore()
    },
  }
}

/** Bands from edge to edge, each with its name on the top. */
export function bandsPlugin(model: TimelineChart, p: Palette): Plugin {
  return {
    id: 'bands',
    beforeDatasetsDraw(chart) {
      const { chartArea: area, scales } = chart
      const x = scales['x']
      if (x === undefined) return
      const ctx = pen(chart, p)
      ctx.save()
      const end = Math.min(area.right, Math.max(...model.bands.map(({ to }) => x.getPixelForValue(to)))) + 6
      const start = Math.max(area.left, Math.min(...model.bands.map(({ from }) => x.getPixelForValue(from)))) - 6
      model.bands.forEach(({ from, to, label, bad }, i) => {
        const left = Math.max(area.left, x.getPixelForValue(from))
        const width = Math.max(2, Math.min(area.right, x.getPixelForValue(to)) - left)
        ctx.fillStyle = ctx.strokeStyle = bad ? p.bad : (p.series[0] ?? p.text)
        ctx.globalAlpha = 0.14
        ctx.fillRect(left, area.top, width, area.bottom - area.top)
        ctx.globalAlpha = 1
        ctx.setLineDash(bad ? [] : [4, 3])
        ctx.strokeRect(left, area.top, width, area.bottom - area.top)
        const fits = end + ctx.measureText(label).width < area.right
        ctx.textAlign = fits ? 'left' : 'right'
        ctx.fillText(label, fits ? end : start, area.top + 14 + i * 16)
      })
      ctx.restore()
    },
  }
}
