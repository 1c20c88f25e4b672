/** What was seen of each guest's memory outlives the inspector, so that both sides of a move can be compared. */
import type { MemoryViewView } from '../../../../engine/contract/lab.ts'
import type { HostKind } from '../../../../engine/contract/report.ts'
import type { LabApi } from '../../api/api.ts'
import { framesTold } from './memory-rows.ts'

/** A look at the view while the guest stays: its mode, and its slots; the p2m does not change. */
export const FEW_ROWS = 64
const MOST_SEEN = 8

export interface Taken {
  readonly view: MemoryViewView
  readonly frames: Uint32Array | null
  /** ISO 8601. */
  readonly at: string
}
export type Views = Partial<Record<HostKind, Taken>>

const seen = new Map<string, Views>()

/** A recording knows by itself what was there before. */
export const seenOf = (api: LabApi, guest: string): Views => (api.recorded === undefined ? (seen.get(guest) ?? {}) : {})

export function remember(api: LabApi, guest: string, views: Views): void {
  if (api.recorded !== undefined) return
  seen.delete(guest)
  seen.set(guest, views)
  for (const [oldest] of seen) if (seen.size > MOST_SEEN) seen.delete(oldest)
}

/** What is known of the guest under other kinds of host: since somebody looks; in a recording, since it began. */
export function otherViews({ recorded }: LabApi, guest: string, kind: HostKind, taken: Views): Views {
  if (recorded === undefined) return taken
  const asked = { guest, rows: FEW_ROWS, frames: true }
  const before = recorded.last('guests.memory', asked, (view) => view.kind !== kind)
  if (before === null) return {}
  const { result, at } = before
  return { [result.kind]: { view: result, frames: framesTold(null, result.frames), at: at.toISOString() } }
}
