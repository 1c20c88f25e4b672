/** A chart on the screen: the same model, drawn by Chart.js. */
import { BoxAndWiskers, BoxPlotController } from '@sgratzl/chartjs-chart-boxplot'
import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  Legend,
  LinearScale,
  LineElement,
  LogarithmicScale,
  PointElement,
  ScatterController,
  Tooltip,
} from 'chart.js'
import { fixed } from '../data/format.ts'
import { type Palette, colourOf, patternOf } from './looks.ts'
import { lookOfRow } from './flame.ts'
import type { BarChart, BoxChart, ChartModel, FlameChart, SpanChart, TimelineChart } from './model.ts'
import { bandsPlugin, countsPlugin, flameNamesPlugin, intervalsPlugin, spanLabelsPlugin } from './plugins.ts'
import { categoryScale, type Config, options, valueScale } from './screen-axes.ts'
import { lineConfig } from './screen-lines.ts'
import { heightsOf, rangeOf } from './svg/scale.ts'

Chart.register(
  BarController,
  BarElement,
  BoxAndWiskers,
  BoxPlotController,
  CategoryScale,
  Legend,
  LinearScale,
  LineElement,
  LogarithmicScale,
  PointElement,
  ScatterController,
  Tooltip,
)

/** A fill that is told apart without its colour. */
function fillOf(look: number, colour: string, palette: Palette): CanvasPattern | string {
  const { size, lines, dots, ground } = patternOf(look)
  const ratio = window.devicePixelRatio || 1
  const tile = document.createElement('canvas')
  tile.width = tile.height = Math.round(size * ratio)
  const g = tile.getContext('2d')
  if (g === null) return colour
  g.scale(tile.width / size, tile.height / size)
  g.fillStyle = palette.surface
  g.fillRect(0, 0, size, size)
  g.fillStyle = g.strokeStyle = colour
  g.globalAlpha = ground
  g.fillRect(0, 0, size, size)
  g.globalAlpha = 1
  g.lineWidth = 1.4
  for (const [x1, y1, x2, y2] of lines) {
    g.beginPath()
    g.moveTo(x1, y1)
    g.lineTo(x2, y2)
    g.stroke()
  }
  for (const [x, y, r] of dots) {
    g.beginPath()
    g.arc(x, y, r, 0, 2 * Math.PI)
    g.fill()
  }
  const made = g.createPattern(tile, 'repeat')
  made?.setTransform(new DOMMatrix().scale(1 / ratio))
  return made ?? colour
}

function boxConfig(model: BoxChart, p: Palette): Config {
  const all = model.series.flatMap(({ boxes }) => boxes.flatMap((box) => (box === null ? [] : [box.min, box.max])))
  const [suggestedMin, suggestedMax] = rangeOf(all, model.value.scale)
  const datasets = model.series.map(({ name, look, boxes }) => {
    const colour = colourOf(p, look, false)
    return {
      label: name,
      backgroundColor: fillOf(look, colour, p),
      borderColor: colour,
      borderWidth: 1.5,
      medianColor: p.text,
      outlierBackgroundColor: p.surface,
      outlierBorderColor: colour,
      outlierRadius: 2.5,
      itemRadius: 0,
      meanRadius: 0,
      maxBarThickness: 48,
      data: boxes.map((box) =>
        box === null
          ? null
          : { ...box, mean: box.median, items: [], whiskerMin: box.whiskerLow, whiskerMax: box.whiskerHigh },
      ),
    }
  })
  return {
    type: 'boxplot',
    data: { labels: [...model.categories], datasets: datasets },
    options: options(p, {
      layout: { padding: { top: 4 } },
      scales: {
        x: { ...categoryScale(p), ticks: { color: p.text, maxRotation: 0, padding: rem() } },
        y: { ...valueScale(model.value, p), suggestedMin, suggestedMax },
      },
      plugins: {
        tooltip: {
          callbacks: {
            label: ({ datasetIndex, dataIndex }) => {
              const box = model.series[datasetIndex]?.boxes[dataIndex]
              if (box === null || box === undefined) return ''
              const { n, median, q1, q3, min, max } = box
              const [m, a, b, low, high] = [median, q1, q3, min, max].map((value) => fixed(value, 2))
              return [`n ${n}, median ${m}`, `quartiles ${a} – ${b}`, `range ${low} – ${high}`]
            },
          },
        },
      },
    }),
    plugins: [countsPlugin(model, p)],
  }
}

function barConfig(model: BarChart, p: Palette): Config {
  const datasets = model.series.map(({ name, look, values }) => {
    const colour = colourOf(p, look, model.stacked)
    const fill = fillOf(look, colour, p)
    return {
      label: name,
      data: [...values],
      backgroundColor: fill,
      borderColor: colour,
      borderWidth: 1,
      maxBarThickness: 40,
    }
  })
  const [suggestedMin, suggestedMax] = rangeOf(heightsOf(model.series), model.value.scale)
  const value = valueScale(model.value, p)
  const category = categoryScale(p, model.stacked ? '' : model.categoryTitle)
  return {
    type: 'bar',
    data: {
      // In two lines, where they stand beside the bars.
      labels: model.categories.map((name) => (model.stacked ? name.replace(/\)$/, '').split(' (') : name)),
      datasets: datasets,
    },
    options: options(p, {
      indexAxis: model.stacked ? 'y' : 'x',
      scales: model.stacked
        ? {
            x: { ...value, stacked: true },
            y: { ...category, stacked: true, ticks: { color: p.text, autoSkip: false } },
          }
        : { x: category, y: { ...value, suggestedMin, suggestedMax } },
    }),
    plugins: [intervalsPlugin(model, p)],
  }
}

function spanConfig(model: SpanChart, p: Palette): Config {
  const data = model.spans.map(({ from, to }) => [from, to])
  return {
    type: 'bar',
    data: {
      labels: model.spans.map(({ name }) => name),
      datasets: [{ data, backgroundColor: p.series[0], minBarLength: 2, maxBarThickness: 16 }],
    },
    options: options(p, {
      indexAxis: 'y',
      layout: { padding: { right: 4 * rem() } },
      scales: {
        x: valueScale(model.value, p),
        y: { ...categoryScale(p), ticks: { color: p.text, autoSkip: false } },
      },
      plugins: {
        legend: { display: false },
        tooltip: { callbacks: { label: ({ dataIndex }) => model.spans[dataIndex]?.label ?? '' } },
      },
    }),
    plugins: [spanLabelsPlugin(model, p)],
  }
}

function flameConfig(model: FlameChart, p: Palette): Config {
  const fills = model.rows.map((_, row) => fillOf(lookOfRow(row), colourOf(p, lookOfRow(row), true), p))
  return {
    type: 'bar',
    data: {
      labels: [...model.rows],
      datasets: [
        {
          // Chart.js takes objects here; its type of a bar's data has none (several bars in one row).
          data: model.spans.map(({ from, to, row }) => ({ x: [from, to], y: model.rows[row] })) as never[],
          backgroundColor: model.spans.map(({ row }) => fills[row]),
          borderColor: p.surface,
          borderWidth: { left: 1, right: 1 },
          borderSkipped: false,
          minBarLength: 3,
          maxBarThickness: 18,
        },
      ],
    },
    options: options(p, {
      indexAxis: 'y',
      scales: {
        x: valueScale(model.value, p),
        y: { ...categoryScale(p), ticks: { color: p.text, autoSkip: false } },
      },
      plugins: {
        legend: { display: false },
        tooltip: {
          callbacks: {
            title: ([item]) => (item === undefined ? '' : (model.spans[item.dataIndex]?.name ?? '')),
            label: ({ dataIndex }) => model.spans[dataIndex]?.label ?? '',
          },
        },
      },
    }),
    plugins: [flameNamesPlugin(model, p)],
  }
}

function timelineConfig(model: TimelineChart, p: Palette): Config {
  const edge = Math.max(1, ...model.points.map(({ y }) => y)) * 1.08
  const datasets = [
    {
      label: 'Answered',
      data: [...model.points],
      pointStyle: 'circle',
      radius: 2,
      backgroundColor: p.series[0],
      borderColor: p.series[0],
    },
    {
      label: 'No answer',
      data: model.lost.map((x) => ({ x, y: edge })),
      pointStyle: 'crossRot',
      radius: 4,
      borderWidth: 1.5,
      borderColor: p.bad,
    },
  ]
  return {
    type: 'scatter',
    data: { datasets: datasets },
    options: options(p, {
      scales: { x: valueScale(model.x, p), y: valueScale(model.value, p) },
      plugins: {
        legend: {
          position: 'top',
          align: 'end',
          labels: { usePointStyle: true, boxWidth: 7, boxHeight: 7, color: p.text },
        },
        tooltip: {
          callbacks: {
            label: ({ parsed, datasetIndex }) =>
              datasetIndex === 1
                ? `sent ${fixed(parsed.x, 1)} ms: no answer`
                : `sent ${fixed(parsed.x, 1)} ms: ${fixed(parsed.y, 2)} ms`,
          },
        },
      },
    }),
    plugins: [bandsPlugin(model, p)],
  }
}

/** px */
const rem = (): number => parseFloat(getComputedStyle(document.documentElement).fontSize)

export function chartConfig(model: ChartModel, palette: Palette): Config {
  Chart.defaults.font.family = palette.font
  // As --text-xs: type takes its share of a large screen.
  Chart.defaults.font.size = 0.75 * rem()
  switch (model.kind) {
    case 'box':
      return boxConfig(model, palette)
    case 'bars':
      return barConfig(model, palette)
    case 'lines':
      return lineConfig(model, palette)
    case 'spans':
      return spanConfig(model, palette)
    case 'flame':
      return flameConfig(model, palette)
    case 'timeline':
      return timelineConfig(model, palette)
  }
}

export { Chart }
