/**
 * Collecting garbage at a moment of our choice. V8 looks for it when so much has been allocated, buffers outside of its heap
 * counted (pages of guests), and does most of that on threads of its own. Where cores are few they
 * keep the others waiting, for 5 to 15 ms in all, and nothing says that a guest does not stand still just then.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** With less than this outside of its heap since the last time, V8 will not look for it soon: it does from about 10 MB on. */
const LITTLE_BYTES = 4 << 20

let collect: (() => void) | undefined
/** What was there outside of the heap when there was least. */
let least = 0

/**
 * Collects the garbage of this thread now, if there may be much of it; takes some ms. Without effect where the runtime does
 * not let it be done.
 */
export function collectGarbage(): void {
  const { external_memory: now } = getHeapStatistics()
  least = Math.min(least, now)
  if (now - least < LITTLE_BYTES) return
  collect ??= collector()
  collect()
  least = getHeapStatistics().external_memory
}

function collector(): () => void {
  // Contexts that are made from now on have `gc`.
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('typeof gc === "function" ? gc : null')
  if (typeof gc !== 'function') return () => undefined
  return () => void Reflect.apply(gc, undefined, [])
}
