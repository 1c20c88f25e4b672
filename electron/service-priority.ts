/**
 * The lab service steps back behind the window: it runs at a lower priority than what draws. Its guests' vCPUs and a
 * migration take every core they get, and a frame that waits for one of them is seen; a vCPU that gives way for the
 * millisecond that a frame takes is not. Where the window needs nothing, the service has all of the processor as before.
 */
import { readdirSync } from 'node:fs'
import os from 'node:os'

/** Nice 10 (Linux, macOS), "below normal" (Windows): the first value that is a class of its own on all three. */
const PRIORITY = os.constants.priority.PRIORITY_BELOW_NORMAL

/**
 * To be called before the first guest's thread starts: on Linux a priority belongs to a thread, and those started
 * later inherit it. A system that refuses leaves the priority as it is; nothing depends on it but how smooth it looks.
 */
export function stepBack(): void {
  for (const thread of ownThreads()) {
    try {
      os.setPriority(thread, PRIORITY)
    } catch {
      // A thread that ended meanwhile, or a system that does not allow it.
    }
  }
}

/** On Linux those that Node has already, V8's helpers; elsewhere 0, which is the whole process. */
function ownThreads(): readonly number[] {
  return process.platform === 'linux' ? readdirSync('/proc/self/task').map(Number) : [0]
}
