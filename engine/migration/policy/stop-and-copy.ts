/** Stop-and-copy: no round at all. The guest stands still while everything is sent. */
import type { Policy } from './policy.ts'

export function stopAndCopy(): Policy {
  return (view) => ({
    action: 'switch-over',
    code: 'stop-at-once',
    reason: `Stop-and-copy sends all ${view.pagesTotal} pages while the guest stands still.`,
  })
}
