/** What is shown of a network client's probes: all of them, or what is around the outage. Pure. */
import type { Gap, ProbeLog } from './probe-log.ts'

/** Around the outage, on each side. */
const AROUND_MS = 150

export interface ProbePicture {
  readonly log: Pick<ProbeLog, 'each' | 'span' | 'count'>
  /** The stretch that is shown. */
  readonly window: Gap
  /** The longest silence. */
  readonly gap: Gap | null
}

/** The whole run; zoomed: the longest silence, and a little around it. */
export function probeWindow(span: Gap, gap: Gap | null, zoomed: boolean): Gap {
  if (!zoomed || gap === null) return span
  return {
    from_ms: Math.max(span.from_ms, gap.from_ms - AROUND_MS),
    to_ms: Math.min(span.to_ms, gap.to_ms + AROUND_MS),
  }
}
