/** Pages that came after the switch-over: how often the guest missed one, and how long it waited, over time. */
import type { PullReport, RunReport } from '../../../../engine/contract/report.ts'
import { about, count, fixed, milliseconds, plural } from '../../data/format.ts'
import type { BarChart } from '../model.ts'

/** Steps that the target divides the time into, none shorter than 1 ms (`engine/migration/pull/fault-statistics.ts`). */
const STEPS = 60
const SHORTEST_MS = 1

export interface PullStep {
  readonly at_ms: number
  readonly faults: number
  readonly stall_ms: number
}

/**
 * The steps without a gap: the report leaves out those in which nothing was missed. Their length is the one next to what
 * the duration gives that divides the last step's time.
 */
export function stepsOf({ series, duration_ms }: Pick<PullReport, 'series' | 'duration_ms'>): {
  readonly steps: readonly PullStep[]
  readonly step_ms: number
} {
  const last = series.at(-1)?.at_ms ?? 0
  const guess = Math.max(SHORTEST_MS, duration_ms / STEPS)
  const places = Math.round(last / guess)
  const step_ms = places === 0 ? guess : last / places
  const length = Math.min(STEPS, Math.max(places + 1, Math.ceil(duration_ms / step_ms)))
  const steps = Array.from({ length }, (_, i) => ({ at_ms: i * step_ms, faults: 0, stall_ms: 0 }))
  for (const { at_ms, faults, stall_ms } of series) {
    const step = steps[Math.min(length - 1, Math.round(at_ms / step_ms))]
    if (step === undefined) continue
    step.faults += faults
    step.stall_ms += stall_ms
  }
  return { steps, step_ms }
}

/** In sentences. */
export function summaryOfPull(pull: PullReport): string {
  if (pull.faults === 0)
    return `${plural(pull.pages, 'page')} came after the switch-over; the guest wanted none before it was there.`
  const { steps, step_ms } = stepsOf(pull)
  const worst = steps.reduce((a, b) => (b.stall_ms > a.stall_ms ? b : a))
  // Halves the duration, not the number of steps: the last one may be a part.
  const early = steps.reduce((sum, { at_ms, faults }) => sum + (at_ms < pull.duration_ms / 2 ? faults : 0), 0)
  return [
    `The guest missed ${plural(pull.faults, 'page')} in ${milliseconds(pull.duration_ms)}, ${count((100 * early) / pull.faults)} % of them in the first half, and asked for ${count(pull.requests)}.`,
    `It waited ${milliseconds(pull.stall_ms)} for those in all${pull.p99_us === null ? '' : `, 99 of 100 times no more than ${count(pull.p99_us)} µs`}.`,
    `It waited most in the ${about(step_ms)} ms from ${about(worst.at_ms)} ms on: ${milliseconds(worst.stall_ms)}.`,
  ].join(' ')
}

/** Faults and waits, a chart each because their units differ. None for a run without pulls or without faults. */
export function pullOfRun(run: Pick<RunReport, 'pull'>): readonly BarChart[] {
  const { pull } = run
  if (pull === null || pull.faults === 0 || pull.series.length === 0) return []
  const { steps, step_ms } = stepsOf(pull)
  const decimals = step_ms < 10 ? 1 : 0
  const shared = {
    kind: 'bars',
    stacked: false,
    caption: `n = ${plural(pull.faults, 'fault')} in ${plural(steps.length, 'step')} of ${about(step_ms)} ms.`,
    summary: summaryOfPull(pull),
    table: {
      columns: ['From (ms)', 'Faults', 'Waited (ms)'],
      rows: steps.map(({ at_ms, faults, stall_ms }) => [fixed(at_ms, decimals), count(faults), fixed(stall_ms, 3)]),
    },
    categories: steps.map(({ at_ms }) => fixed(at_ms, decimals)),
    categoryTitle: 'Since the first instruction on the target (ms)',
  } as const
  return [
    {
      ...shared,
      id: 'pull-faults',
      title: 'Pages missed after the switch-over',
      definition:
        'Accesses of the guest, in each step, to a page that was not in its memory yet: those that had to be asked for, and those that had come and waited to be written.',
      series: [{ name: 'Faults', look: 0, values: steps.map(({ faults }) => faults) }],
      value: { title: 'Faults', scale: 'linear' },
    },
    {
      ...shared,
      id: 'pull-stall',
      title: 'Time waited for them',
      definition: 'How long the vCPU stood still in each step until the pages it missed were in its memory.',
      series: [{ name: 'Waited', look: 1, values: steps.map(({ stall_ms }) => stall_ms) }],
      value: { title: 'Waited (ms)', scale: 'linear' },
    },
  ]
}
