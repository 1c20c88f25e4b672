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
