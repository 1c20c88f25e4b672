/** The user's quality-of-service targets, as a migration is given them and as they change. */
import type { QosTargets, TargetChanges } from '../contract/prediction.ts'
import type { LinkSpec } from '../migration/link.ts'

/** The targets of an input, without those that were not given. */
export function targetsOf(input: QosTargets): QosTargets {
  const { max_downtime_ms, max_total_ms, max_bandwidth_bps, max_slowdown } = input
  return {
    ...(max_downtime_ms === undefined ? {} : { max_downtime_ms }),
    ...(max_total_ms === undefined ? {} : { max_total_ms }),
    ...(max_bandwidth_bps === undefined ? {} : { max_bandwidth_bps }),
    ...(max_slowdown === undefined ? {} : { max_slowdown }),
  }
}

export function withoutTargets<T extends QosTargets>(input: T): Omit<T, keyof QosTargets> {
  const { max_downtime_ms: _d, max_total_ms: _t, max_bandwidth_bps: _b, max_slowdown: _s, ...rest } = input
  return rest
}

/** Targets after a change. */
export function changedTargets(now: QosTargets, changes: TargetChanges): QosTargets {
  const names = ['max_downtime_ms', 'max_total_ms', 'max_bandwidth_bps', 'max_slowdown'] as const
  const entries = names.map((name) => [name, changes[name] === undefined ? now[name] : (changes[name] ?? undefined)])
  return targetsOf(Object.fromEntries(entries) as QosTargets)
}

/** The targets that pre-copy's rounds keep to. */
export const preCopyTargets = ({ max_downtime_ms, max_total_ms, max_slowdown }: QosTargets) => ({
  downtimeTarget_ms: max_downtime_ms ?? null,
  totalTarget_ms: max_total_ms ?? null,
  slowdownTarget: max_slowdown ?? null,
})

/** The link, no faster than the targets allow. */
export function limitedLink(link: LinkSpec, { max_bandwidth_bps: most }: QosTargets): LinkSpec {
  if (most === undefined || (link.forward_bps ?? Infinity) <= most) return link
  return { ...link, forward_bps: most }
}
