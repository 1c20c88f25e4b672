/**
 * One monotonic clock for all threads of the process: milliseconds since 1970 with sub-microsecond resolution.
 * `performance.now()` alone starts at zero in every worker thread, so its origin is added.
 */
export function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

/** Resolves after `ms` milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Resolves when the loop of this thread has looked so many times for what came on sockets and from other threads. */
export async function turns(count: number): Promise<void> {
  // Immediates come right after that look; the first of them belongs to the look that this is part of.
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}
