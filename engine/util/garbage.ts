/**
 * Collecting garbage at a moment of our choice. V8 looks for it when so much has been allocated, buffers outside of its heap
 * counted (pages of guests: a new search every 64 MB), and does most of that on threads of its own. Where cores are few they
 * keep the others waiting, for 5 to 15 ms in all, and nothing says that a guest does not stand still just then.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { nowMs } from './clock.ts'

/** Two hosts of one process need it once. */
const RECENT_MS = 100

let collect: (() => void) | undefined
let collectedMs = -Infinity

/**
 * Collects the garbage of this thread now; takes some ms. Without effect where that was done just now, or where the runtime
 * does not let it be done.
 */
export function collectGarbage(): void {
  if (nowMs() - collectedMs < RECENT_MS) return
  collect ??= collector()
  collect()
  collectedMs = nowMs()
}

function collector(): () => void {
  // Contexts that are made from now on have `gc`.
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('typeof gc === "function" ? gc : null')
  if (typeof gc !== 'function') return () => undefined
  return () => void Reflect.apply(gc, undefined, [])
}
