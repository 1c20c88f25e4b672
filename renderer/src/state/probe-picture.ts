/** What is shown and said of a network client's probes: all of them, or what is around the outage. Pure. */
import type { RunReport } from '../../../engine/contract/report.ts'
import type { Gap, ProbeLog } from './probe-log.ts'
import { count, ms } from './units.ts'

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

/** What the lab sends probes at where nothing else is asked. */
const USUAL_INTERVAL_MS = 5

/** What is said of the probes of a run; until it has ended, by the silence so far. */
export interface ProbesSeen {
  readonly count: number
  readonly gap: Gap | null
  /** Between two probes; absent: as usual. */
  readonly interval_ms?: number | undefined
  readonly report: Pick<RunReport, 'outcome' | 'outage_ms'> | null
}

/** What the figure of the silence is called: there is an outage of what crossed. */
export const silenceName = (outcome: RunReport['outcome']): string =>
  outcome === 'completed' ? 'Client’s outage' : 'Longest silence'

/** The silence, as a line: the report's figure, as everywhere. The one so far is less the interval, as that is. */
export function silenceText({ count: probes, gap, interval_ms = USUAL_INTERVAL_MS, report }: ProbesSeen): string {
  if (probes === 0) return 'no probes yet'
  const told = report?.outage_ms ?? null
  const so_far = gap === null ? 0 : Math.max(0, gap.to_ms - gap.from_ms - interval_ms)
  const name = report?.outcome === 'completed' && told !== null ? 'outage' : 'longest silence'
  return `${name} ${ms(told ?? so_far)}`
}

/** @param lost probes without an answer */
export function probesText(seen: ProbesSeen & { readonly lost: number }): string {
  const { count: probes, lost } = seen
  if (probes === 0) return silenceText(seen)
  return `${count(probes)} probes${lost > 0 ? `, ${count(lost)} without an answer` : ''}; ${silenceText(seen)}`
}
