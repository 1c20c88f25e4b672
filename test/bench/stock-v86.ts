/** v86 as it comes, without any of Ferry's changes, with the same guest: what Ferry's machine is compared with. */
import * as v from 'valibot'
import type { BenchOptions } from './downtime.ts'
import { onThread } from './on-thread.ts'

const milliseconds = v.array(v.number())
/** Runs that are not counted: the guest's code is compiled in them. */
export const WARM_UPS = 4

/** Runs a task of stock-v86-thread.ts on a thread of its own and gives back the times it measured, in ms. */
async function times(task: { kind: 'save-restore' | 'speed'; guest: string; n: number; script: string }) {
  const script = new URL('./stock-v86-thread.ts', import.meta.url)
  return v.parse(milliseconds, await onThread(script, { ...task, warmUps: WARM_UPS }))
}

/** From the vCPU's stop in one emulator to its run in another, through `save_state` and `restore_state`, in memory. */
export function stockSaveRestore({ guest, n, progress }: BenchOptions): Promise<number[]> {
  progress(`v86's own save and restore, ${n} times`)
  return times({ kind: 'save-restore', guest, n, script: '' })
}

/** Wall time of a shell script in the guest, `n` times. */
export function stockSpeed(guest: string, script: string, n: number): Promise<number[]> {
  return times({ kind: 'speed', guest, n, script })
}
