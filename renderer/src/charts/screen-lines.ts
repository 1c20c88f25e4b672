/** Lines, steps and points on the screen, as `svg/lines.ts` draws them into a file. */
import { drawPoint } from 'chart.js/helpers'
import { fixed } from '../data/format.ts'
import { colourOf, lineLookOf, type Palette } from './looks.ts'
import type { Axis, LineChart } from './model.ts'
import { type Config, options, type Scale, valueScale } from './screen-axes.ts'
import { rangeOf } from './svg/scale.ts'

export function lineConfig(model: LineChart, p: Palette): Config {
  const datasets = model.series.map(({ name, look, points }) => {
    const { mark, dash } = lineLookOf(look)
    const colour = colourOf(p, look, false)
    return {
      label: name,
      data: points.map(({ x, y }) => ({ x, y })),
      showLine: model.drawn !== 'points',
      // Level until the next point, then up.
      stepped: model.drawn === 'steps' ? ('before' as const) : false,
      borderColor: colour,
      borderWidth: 1.75,
      borderDash: [...dash],
      // What lies on the edge of the drawing is not cut.
      clip: 6,
      pointStyle: mark,
      pointRadius: points.map(({ bare }) => (bare === true ? 0 : 3.5)),
      pointHitRadius: points.map(({ bare }) => (bare === true ? 0 : 6)),
      pointBackgroundColor: p.surface,
      pointBorderColor: colour,
      pointBorderWidth: 1.5,
    }
  })
  const all = model.series.flatMap(({ points }) => points)
  return {
    type: 'scatter',
    data: { datasets },
    options: options(p, {
      scales: {
        x: axisOf(
          model.x,
          all.map(({ x }) => x),
          p,
        ),
        y: axisOf(
          model.value,
          all.map(({ y }) => y),
          p,
        ),
      },
      plugins: {
        legend: {
          position: 'top',
          align: 'start',
          labels: {
            usePointStyle: true,
            pointStyleWidth: SAMPLE.width + 8,
            boxHeight: SAMPLE.height,
            padding: 12,
            generateLabels: (chart) =>
              model.series.map(({ name, look }, datasetIndex) => ({
                text: name,
                fontColor: p.text,
                lineWidth: 0,
                datasetIndex,
                hidden: !chart.isDatasetVisible(datasetIndex),
                pointStyle: sampleOf(look, model.drawn !== 'points', p),
              })),
          },
        },
        tooltip: {
          callbacks: {
            label: ({ dataset, parsed }) =>
              `${dataset.label ?? ''}: ${fixed(parsed.x, model.x.whole === true ? 0 : 2)}, ${fixed(parsed.y, 2)}`,
          },
        },
      },
    }),
  }
}

/** A piece of the line with its mark, for the legend. */
function sampleOf(look: number, line: boolean, p: Palette): HTMLCanvasElement {
  const { mark, dash } = lineLookOf(look)
  const sample = document.createElement('canvas')
  ;[sample.width, sample.height] = [SAMPLE.width, SAMPLE.height]
  const g = sample.getContext('2d')
  if (g === null) return sample
  const [x, y] = [SAMPLE.width / 2, SAMPLE.height / 2]
  g.strokeStyle = colourOf(p, look, false)
  g.fillStyle = p.surface
  if (line) {
    g.lineWidth = 1.75
    g.setLineDash([...dash])
    g.beginPath()
    g.moveTo(0, y)
    g.lineTo(SAMPLE.width, y)
    g.stroke()
    g.setLineDash([])
  }
  drawPoint(g, { pointStyle: mark, radius: 3.5, borderWidth: 1.5 }, x, y)
  return sample
}
/** px */
const SAMPLE = { width: 26, height: 10 }

function axisOf(axis: Axis, values: readonly number[], p: Palette): Scale {
  const [suggestedMin, suggestedMax] = rangeOf(values, axis.scale)
  return { ...valueScale(axis, p), suggestedMin, ...(axis.most === undefined ? { suggestedMax } : {}) }
}
