/** Quality-of-service targets as people enter and read them. Pure. */
import type { QosTargets, TargetChanges } from '../../../engine/contract/prediction.ts'
import { bits } from './units.ts'

/** A field's value; null or undefined: it is empty. */
type Entry = number | null | undefined

/** As the fields have them, in the units that people use. */
export interface TargetFields {
  downtime_ms: Entry
  total_s: Entry
  bandwidth_Mbps: Entry
  slowdown_percent: Entry
}
export type TargetField = keyof TargetFields

export const ALL_TARGETS: readonly TargetField[] = ['downtime_ms', 'total_s', 'bandwidth_Mbps', 'slowdown_percent']

export const NO_TARGETS: TargetFields = {
  downtime_ms: null,
  total_s: null,
  bandwidth_Mbps: null,
  slowdown_percent: null,
}

/** Each field's target in the contract, and how many of the contract's unit one of the field's is. */
const CONTRACT = {
  downtime_ms: ['max_downtime_ms', 1],
  total_s: ['max_total_ms', 1000],
  bandwidth_Mbps: ['max_bandwidth_bps', 1e6],
  slowdown_percent: ['max_slowdown', 0.01],
} as const satisfies Record<TargetField, readonly [keyof QosTargets, number]>

/** @param used fields that count; the others are left out, whatever is in them */
export function targetsOf(fields: TargetFields, used: readonly TargetField[] = ALL_TARGETS): QosTargets {
  const targets: QosTargets = {}
  for (const field of used) {
    const [name, factor] = CONTRACT[field]
    const value = fields[field]
    if (typeof value === 'number') targets[name] = value * factor
  }
  return targets
}

/** The fields for targets that are in force. */
export function fieldsOf(targets: QosTargets): TargetFields {
  const fields = { ...NO_TARGETS }
  for (const field of ALL_TARGETS) {
    const [name, factor] = CONTRACT[field]
    const value = targets[name]
    // Without the tail of digits that a division by a hundred leaves.
    if (value !== undefined) fields[field] = Number((value / factor).toPrecision(12))
  }
  return fields
}

/** Whether the same is in both; an empty field is empty in either way. */
export const sameFields = (a: TargetFields, b: TargetFields): boolean =>
  ALL_TARGETS.every((field) => (a[field] ?? null) === (b[field] ?? null))

/** What the fields ask to change: one that was emptied is no longer a target, and those not used stay as they are. */
export function changesOf(fields: TargetFields, used: readonly TargetField[]): TargetChanges {
  const wanted = targetsOf(fields, used)
  return Object.fromEntries(
    used.map((field) => {
      const [name] = CONTRACT[field]
      return [name, wanted[name] ?? null]
    }),
  )
}

/** As it was entered, without digits that say nothing. */
const time = (ms: number): string =>
  ms < 10_000 ? `${Number(ms.toFixed(2))} ms` : `${Number((ms / 1000).toFixed(2))} s`

/** `downtime 300 ms, bandwidth 100 Mbit/s`; `none`. */
export function targetsText(targets: QosTargets): string {
  const { max_downtime_ms, max_total_ms, max_bandwidth_bps, max_slowdown } = targets
  const parts = [
    ...(max_downtime_ms === undefined ? [] : [`downtime ${time(max_downtime_ms)}`]),
    ...(max_total_ms === undefined ? [] : [`total ${time(max_total_ms)}`]),
    ...(max_bandwidth_bps === undefined ? [] : [`bandwidth ${bits(max_bandwidth_bps)}`]),
    ...(max_slowdown === undefined ? [] : [`slow-down ${Number((100 * max_slowdown).toFixed(1))} %`]),
  ]
  return parts.length === 0 ? 'none' : parts.join(', ')
}
