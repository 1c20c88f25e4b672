/** What both sides did between the stop of the vCPU and the first instruction on the target, on one axis of time. */
import {
  CLOCK_NOTES,
  CRITICAL_SPANS,
  type CriticalSpan,
  type Lane,
} from '../../../../engine/contract/critical-window.ts'
import type { RunReport } from '../../../../engine/contract/report.ts'
import { fixed, milliseconds } from '../../data/format.ts'
import type { FlameChart } from '../model.ts'

const LANE_NAMES: Readonly<Record<Lane, string>> = { source: 'Source', link: 'Link', target: 'Target' }
/** Rows from above; the second of a side has the parts of what is in the first. */
const ROWS: readonly { lane: Lane; parts: boolean; name: string }[] = [
  { lane: 'source', parts: false, name: 'Source' },
  { lane: 'source', parts: true, name: 'its parts ' },
  { lane: 'link', parts: false, name: 'Link' },
  { lane: 'target', parts: false, name: 'Target' },
  { lane: 'target', parts: true, name: 'its parts' },
]

const lasts = ({ from_ms, to_ms }: CriticalSpan): number => to_ms - from_ms
const rowOf = ({ name }: CriticalSpan): number => {
  const { lane, inside } = CRITICAL_SPANS[name]
  return ROWS.findIndex((row) => row.lane === lane && row.parts === (inside !== undefined))
}

/** Null where the guest did not cross, or the run is older than this figure. */
export function windowOfRun(run: Pick<RunReport, 'critical_window' | 'downtime_ms'>): FlameChart | null {
  const { critical_window: window, downtime_ms } = run
  if (window === null || window.spans.length === 0 || downtime_ms === null) return null
  const { spans, clock } = window
  const longest = [...spans]
    .filter(({ name }) => CRITICAL_SPANS[name].inside === undefined)
    .sort((a, b) => lasts(b) - lasts(a))
    .slice(0, 3)
    .map(
      (span) => `${CRITICAL_SPANS[span.name].title} (${CRITICAL_SPANS[span.name].lane}) ${milliseconds(lasts(span))}`,
    )
  return {
    kind: 'flame',
    id: 'critical-window',
    title: 'Critical window',
    definition: `${spans.map(({ name }) => `${CRITICAL_SPANS[name].title}: ${CRITICAL_SPANS[name].means}`).join(' ')} Where a side shows nothing, it waits. The comparison of memories is left out.`,
    caption: `n = 1 run, ${milliseconds(downtime_ms)} from the stop of the vCPU to the first instruction. ${CLOCK_NOTES[clock]}`,
    summary: `The critical window of ${milliseconds(downtime_ms)} in ${spans.length} stretches; the longest are ${longest.join(', ')}.`,
    table: {
      columns: ['Side', 'Stretch', 'Part of', 'From (ms)', 'Lasts (ms)', 'Meaning'],
      rows: spans.map((span) => {
        const { lane, title, inside, means } = CRITICAL_SPANS[span.name]
        const whole = inside === undefined ? '' : CRITICAL_SPANS[inside].title
        return [LANE_NAMES[lane], title, whole, fixed(span.from_ms, 3), fixed(lasts(span), 3), means]
      }),
    },
    rows: ROWS.map(({ name }) => name),
    spans: spans.map((span) => ({
      row: rowOf(span),
      name: CRITICAL_SPANS[span.name].title,
      from: span.from_ms,
      to: span.to_ms,
      label: milliseconds(lasts(span)),
    })),
    value: { title: 'Since the vCPU stopped (ms)', scale: 'linear', most: downtime_ms },
  }
}
