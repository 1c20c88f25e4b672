/** Figures of many runs by direction and algorithm: box plots, and the mean parts of the downtime. */
import { type DowntimeParts, type RunReport } from '../../../../engine/contract/report.ts'
import {
  about,
  count,
  DIRECTIONS,
  directionOf,
  directionTitle,
  fixed,
  milliseconds,
  plural,
} from '../../data/format.ts'
import type { BarChart, BoxChart } from '../model.ts'
import { boxOf, mean } from '../statistics.ts'
import { stackedParts } from './stacked-parts.ts'

export type Metric = 'downtime_ms' | 'outage_ms' | 'total_ms'

export const METRICS: Readonly<Record<Metric, { title: string; definition: string }>> = {
  downtime_ms: {
    title: 'Downtime',
    definition:
      'From the stop of the vCPU on the source to its first instruction on the target, on the lab service’s monotonic clock. The RAM comparison is left out.',
  },
  outage_ms: {
    title: 'Outage',
    definition:
      'The longest time without an answer that the network client saw around the switch-over, less its probe interval. The RAM comparison is part of it.',
  },
  total_ms: {
    title: 'Total migration time',
    definition: 'From the request to the end of the last stage, on the lab service’s monotonic clock.',
  },
}

/** A range of more than this factor is drawn on a logarithmic axis, unless the user says otherwise. */
const LOG_FROM = 30

interface Groups {
  readonly directions: readonly ReturnType<typeof directionOf>[]
  readonly algorithms: readonly string[]
  readonly of: (direction: string, algorithm: string) => RunReport[]
}

function groupsOf(runs: readonly RunReport[]): Groups {
  const groups = new Map<string, RunReport[]>()
  for (const run of runs) {
    const key = `${directionOf(run)} ${run.algorithm}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [run])
    else group.push(run)
  }
  const present = new Set(runs.map(directionOf))
  return {
    directions: DIRECTIONS.filter((direction) => present.has(direction)),
    algorithms: [...new Set(runs.map((run) => run.algorithm))].sort(),
    of: (direction, algorithm) => groups.get(`${direction} ${algorithm}`) ?? [],
  }
}

/** What is left out, and whether unlike runs are thrown together. */
function remarks(runs: readonly RunReport[], measured: number): string {
  const broken = runs.filter((run) => run.outcome !== 'completed').length
  const unmeasured = runs.length - broken - measured
  const mixed = (['guest', 'ram_B', 'workload', 'link'] as const).filter(
    (key) => new Set(runs.map((run) => run[key])).size > 1,
  )
  const names = { guest: 'guests', ram_B: 'RAM sizes', workload: 'workloads', link: 'links' }
  return [
    broken > 0 ? ` ${plural(broken, 'failed or cancelled run')} not drawn.` : '',
    unmeasured > 0 ? ` ${plural(unmeasured, 'run')} without this figure.` : '',
    mixed.length > 0
      ? ` Different ${mixed.map((key) => names[key]).join(', ')} are mixed; filter to compare like with like.`
      : '',
  ].join('')
}

/** Box plots of one figure. Null where no completed run has it. */
export function boxesByCondition(
  runs: readonly RunReport[],
  metric: Metric,
  scale: 'linear' | 'log' | 'auto' = 'auto',
): BoxChart | null {
  const { title, definition } = METRICS[metric]
  const measured = runs.filter((run) => run.outcome === 'completed' && run[metric] !== null)
  if (measured.length === 0) return null
  const { directions, algorithms, of } = groupsOf(measured)
  const boxes = algorithms.map((algorithm) =>
    directions.map((direction) => boxOf(of(direction, algorithm).map((run) => run[metric] ?? 0))),
  )
  const all = measured.map((run) => run[metric] ?? 0)
  const [low, high] = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))]
  const log = low > 0 && (scale === 'log' || (scale === 'auto' && high / low > LOG_FROM))
  const cells = directions.flatMap((direction, d) =>
    algorithms.flatMap((algorithm, a) => {
      const box = boxes[a]?.[d]
      return box === null || box === undefined ? [] : [{ direction: directionTitle(direction), algorithm, box }]
    }),
  )
  return {
    kind: 'box',
    id: metric.replace('_ms', ''),
    title: `${title} by direction and algorithm`,
    definition: `${definition} Box: quartiles (R type 7) and median; whiskers: last value within 1.5 interquartile ranges; points: beyond.`,
    caption: `n = ${plural(measured.length, 'completed run')}.${remarks(runs, measured.length)}`,
    summary: cells
      .map(
        ({ direction, algorithm, box }) =>
          `${direction}, ${algorithm}: median ${milliseconds(box.median)}, quartiles ${about(box.q1)} to ${milliseconds(box.q3)}, n = ${box.n}.`,
      )
      .join(' '),
    table: {
      columns: [
        'Direction',
        'Algorithm',
        'n',
        ...['Median', 'Q1', 'Q3', 'Least', 'Most'].map((name) => `${name} (ms)`),
      ],
      rows: cells.map(({ direction, algorithm, box }) => [
        direction,
        algorithm,
        count(box.n),
        ...[box.median, box.q1, box.q3, box.min, box.max].map((value) => fixed(value, 2)),
      ]),
    },
    categories: directions.map(directionTitle),
    series: algorithms.map((name, a) => ({ name, look: a, boxes: boxes[a] ?? [] })),
    value: {
      title: `${title === METRICS.total_ms.title ? 'Total time' : title} (ms)${log ? ', log' : ''}`,
      scale: log ? 'log' : 'linear',
    },
  }
}

/** Mean parts of the downtime of each direction and algorithm. @param share in % of each mean downtime */
export function partsByCondition(runs: readonly RunReport[], share = false): BarChart | null {
  const measured = runs.filter((run) => run.outcome === 'completed' && run.downtime_parts !== null)
  if (measured.length === 0) return null
  const { directions, algorithms, of } = groupsOf(measured)
  const groups = directions.flatMap((direction) =>
    algorithms.flatMap((algorithm) => {
      const held = of(direction, algorithm).flatMap(({ downtime_parts }) => downtime_parts ?? [])
      if (held.length === 0) return []
      return [{ name: `${directionTitle(direction)}, ${algorithm}`, n: held.length, parts: meanParts(held) }]
    }),
  )
  const caption = `n = ${plural(measured.length, 'completed run')}.${remarks(runs, measured.length)}`
  return stackedParts(groups, { id: 'downtime-parts', subject: 'Direction, algorithm', caption }, share)
}

/** @param held not empty */
function meanParts(held: readonly DowntimeParts[]): DowntimeParts {
  const part = (key: keyof DowntimeParts): number => mean(held.map((parts) => parts[key])) ?? 0
  return {
    pause_ms: part('pause_ms'),
    last_pages_ms: part('last_pages_ms'),
    capture_ms: part('capture_ms'),
    pack_ms: part('pack_ms'),
    send_ms: part('send_ms'),
    unpack_ms: part('unpack_ms'),
    restore_ms: part('restore_ms'),
    resume_ms: part('resume_ms'),
  }
}
