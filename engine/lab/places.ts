/** Where a user's things live: measurements, and the sockets of labs that run. */
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/** The value of an environment variable, or undefined where it is not set or empty. */
function given(name: string): string | undefined {
  const value = process.env[name]
  return value === undefined || value === '' ? undefined : value
}

/** `FERRY_DATA`, else `ferry` in the user's data directory. */
export function dataDirectory(): string {
  return given('FERRY_DATA') ?? join(given('XDG_DATA_HOME') ?? join(homedir(), '.local', 'share'), 'ferry')
}

/** The measurement store that is used unless the user names another. */
export function defaultStore(): string {
  return join(dataDirectory(), 'runs.sqlite')
}

/** The folder of recordings that belongs to a store; null where that keeps nothing. */
export function recordingsBeside(store: string): string | null {
  return store === ':memory:' ? null : join(dirname(store), 'recordings')
}

/** Where running labs can be found; one entry each. Nobody but the user may look into it. */
export function runtimeDirectory(): string {
  const runtime = given('XDG_RUNTIME_DIR')
  if (runtime !== undefined) return join(runtime, 'ferry')
  return join(given('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'ferry', 'labs')
}
