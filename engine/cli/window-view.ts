/** The critical window of a migration as text: a row a stretch, its place in time drawn beside it. */
import { CLOCK_NOTES, CRITICAL_SPANS } from '../contract/critical-window.ts'
import type { CriticalSpan, CriticalWindow } from '../contract/critical-window.ts'
import { msFigure } from './format.ts'
import { table, type Column } from './table.ts'

/** Characters from the stop of the vCPU to the first instruction. */
const WIDTH = 48

/** Of a window that is not empty. */
export function windowText({ clock, spans }: CriticalWindow): string {
  const end = Math.max(...spans.map(({ to_ms }) => to_ms))
  return [
    `  critical window, ${msFigure(end)} ms · ${CLOCK_NOTES[clock]}`,
    table(columns(spans, end), spans, '  '),
  ].join('\n')
}

function columns(spans: readonly CriticalSpan[], end: number): Column<CriticalSpan>[] {
  const lane = (span: CriticalSpan): string => {
    const { lane: own } = CRITICAL_SPANS[span.name]
    const before = spans[spans.indexOf(span) - 1]
    return before !== undefined && CRITICAL_SPANS[before.name].lane === own ? '' : own
  }
  return [
    { title: 'side', cell: lane },
    {
      title: 'stretch',
      cell: ({ name }) => `${CRITICAL_SPANS[name].inside === undefined ? '' : '  '}${CRITICAL_SPANS[name].title}`,
    },
    { title: 'from, ms', align: 'right', cell: ({ from_ms }) => msFigure(from_ms) },
    { title: 'lasts, ms', align: 'right', cell: ({ from_ms, to_ms }) => msFigure(to_ms - from_ms) },
    { title: 'time →', cell: (span) => bar(span, end) },
  ]
}

/** One character at least: what took no time is shown where it was. A part is drawn thinner than what it is part of. */
function bar({ name, from_ms, to_ms }: CriticalSpan, end: number): string {
  const scale = end === 0 ? 0 : WIDTH / end
  const first = Math.min(WIDTH - 1, Math.floor(from_ms * scale))
  const length = Math.min(WIDTH - first, Math.max(1, Math.round((to_ms - from_ms) * scale)))
  return ' '.repeat(first) + (CRITICAL_SPANS[name].inside === undefined ? '█' : '▄').repeat(length)
}
