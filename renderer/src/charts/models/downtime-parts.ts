/** The downtime of one run, part by part, in the order in which the parts follow each other. */
import type { DowntimeParts, RunReport } from '../../../../engine/contract/report.ts'
import { fixed, milliseconds } from '../../data/format.ts'
import type { SpanChart } from '../model.ts'

export const DOWNTIME_PARTS: readonly { key: keyof DowntimeParts; name: string; meaning: string }[] = [
  { key: 'pause_ms', name: 'Pause', meaning: 'the vCPU’s stop until the host’s service knows of it.' },
  { key: 'last_pages_ms', name: 'Last pages', meaning: 'collecting and sending the pages that were still dirty.' },
  { key: 'capture_ms', name: 'Capture', meaning: 'reading CPU and device state out of the source machine.' },
  { key: 'pack_ms', name: 'Pack', meaning: 'source’s native records and common format.' },
  { key: 'send_ms', name: 'Send', meaning: 'the state on the wire, and the commit’s round trip.' },
  { key: 'unpack_ms', name: 'Unpack', meaning: 'common format to the target’s native records and back to state.' },
  { key: 'restore_ms', name: 'Restore', meaning: 'loading last pages and state into the target machine.' },
  { key: 'resume_ms', name: 'Resume', meaning: 'from the order to run until the first instruction.' },
]

/** Null where the guest did not cross. */
export function downtimeOfRun(run: RunReport): SpanChart | null {
  const parts = run.downtime_parts
  if (parts === null) return null
  let end = 0
  const spans = DOWNTIME_PARTS.map(({ key, name }) => {
    const from = end
    end += parts[key]
    return { name, from, to: end, label: milliseconds(parts[key]) }
  })
  const longest = DOWNTIME_PARTS.reduce((a, b) => (parts[b.key] > parts[a.key] ? b : a))
  const share = end === 0 ? 0 : Math.round((100 * parts[longest.key]) / end)
  return {
    kind: 'spans',
    id: 'downtime',
    title: 'Downtime by part',
    definition: DOWNTIME_PARTS.map(({ name, meaning }) => `${name}: ${meaning}`).join(' '),
    caption: `n = 1 run. The parts add up to the downtime of ${milliseconds(run.downtime_ms)}.`,
    summary: `The downtime of ${milliseconds(run.downtime_ms)} has ${spans.length} parts; the longest is ${longest.name} with ${milliseconds(parts[longest.key])}, ${share} %.`,
    table: {
      columns: ['Part', 'Starts (ms)', 'Lasts (ms)', 'Meaning'],
      rows: DOWNTIME_PARTS.map(({ key, name, meaning }, i) => [
        name,
        fixed(spans[i]?.from, 3),
        fixed(parts[key], 3),
        meaning,
      ]),
    },
    spans,
    value: { title: 'Since the vCPU stopped (ms)', scale: 'linear' },
  }
}
