/** What the network client saw: each probe's round trip, and the longest silence. */
import type { ProbeView } from '../../../../engine/contract/lab.ts'
import type { RunReport } from '../../../../engine/contract/report.ts'
import { fixed, milliseconds, NONE, plural } from '../../data/format.ts'
import type { TimelineChart } from '../model.ts'
import { median } from '../statistics.ts'

/** The longest stretch between two answers that follow each other, over after the migration began; null: there is none. */
export function longestSilence(probes: readonly ProbeView[]): { from: number; to: number } | null {
  const answers = probes
    .flatMap(({ sent_ms, rtt_ms }) => (rtt_ms === null ? [] : [sent_ms + rtt_ms]))
    .sort((a, b) => a - b)
  let longest: { from: number; to: number } | null = null
  for (let i = 1; i < answers.length; i++) {
    const from = answers[i - 1] ?? 0
    const to = answers[i] ?? 0
    if (to >= 0 && (longest === null || to - from > longest.to - longest.from)) longest = { from, to }
  }
  return longest
}

/** Null for a run without probes. */
export function outageOfRun(run: RunReport, probes: readonly ProbeView[]): TimelineChart | null {
  if (probes.length === 0) return null
  const points = probes.flatMap(({ sent_ms, rtt_ms }) => (rtt_ms === null ? [] : [{ x: sent_ms, y: rtt_ms }]))
  const lost = probes.flatMap(({ sent_ms, rtt_ms }) => (rtt_ms === null ? [sent_ms] : []))
  const silence = longestSilence(probes)
  const stopped = run.stages.find(({ number }) => number === 3)
  const usual = median(points.map(({ y }) => y))
  const crossed = run.downtime_ms !== null
  const bands = [
    ...(silence === null
      ? []
      : [{ ...silence, label: `Silence ${milliseconds(silence.to - silence.from)}`, bad: true }]),
    ...(stopped === undefined
      ? []
      : [
          {
            from: stopped.started_ms,
            to: stopped.started_ms + (run.downtime_ms ?? stopped.duration_ms),
            label: crossed ? `Downtime ${milliseconds(run.downtime_ms)}` : 'Stop-and-copy',
            bad: false,
          },
        ]),
  ]
  return {
    kind: 'timeline',
    id: 'outage',
    title: 'Outage, as a network client saw it',
    definition:
      'Each point is a probe (ICMP echo) at the time it was sent; its height is the time until the answer. Silence: the longest stretch without any answer since the migration began. The outage of the report is that less the probe interval.',
    caption: `n = ${plural(probes.length, 'probe')}, ${lost.length} without an answer. Outage reported: ${milliseconds(run.outage_ms)}.`,
    summary:
      `${plural(probes.length, 'probe')}, of which ${lost.length} had no answer; usual round trip ${milliseconds(usual)}.` +
      (silence === null
        ? ''
        : ` The longest silence lasted ${milliseconds(silence.to - silence.from)}, from ${milliseconds(silence.from)} after the start of the migration.`),
    table: {
      columns: ['Probe', 'Sent (ms since start)', 'Round trip (ms)', 'Answered'],
      rows: probes.map(({ seq, sent_ms, rtt_ms }) => [
        String(seq),
        fixed(sent_ms, 2),
        rtt_ms === null ? NONE : fixed(rtt_ms, 2),
        rtt_ms === null ? 'lost' : 'yes',
      ]),
    },
    points,
    lost,
    bands,
    x: { title: 'Since the start of the migration (ms)', scale: 'linear' },
    value: { title: 'Round trip (ms)', scale: 'linear' },
  }
}
