/** How many distinct pages a guest changes in a stretch of time, from a measured curve. */
import type { WorkingSetPoint } from '../../contract/prediction.ts'

export type WorkingSet = (ms: number) => number

/**
 * Straight lines between the points, from nothing at 0 ms; beyond the last point the curve goes on as steeply as it
 * came, for how it bends there nobody has measured. Never falls, and never exceeds the guest's RAM.
 * @param points shortest window first
 * @param ramPages most pages there can be
 */
export function workingSetOf(points: readonly WorkingSetPoint[], ramPages: number): WorkingSet {
  const corners: WorkingSetPoint[] = [{ window_ms: 0, pages: 0 }]
  for (const { window_ms, pages } of points) {
    const before = corners[corners.length - 1]
    if (window_ms > before.window_ms) corners.push({ window_ms, pages: Math.max(pages, before.pages) })
  }
  return (ms) => {
    if (corners.length === 1 || ms <= 0) return 0
    const found = corners.findIndex(({ window_ms }) => ms <= window_ms)
    const to = corners[found < 1 ? corners.length - 1 : found]
    const from = corners[found < 1 ? corners.length - 2 : found - 1]
    const slope = (to.pages - from.pages) / (to.window_ms - from.window_ms)
    return Math.min(from.pages + slope * (ms - from.window_ms), ramPages)
  }
}
