/** QEMU processes that a test has started, by /proc. */
import { readdirSync, readFileSync } from 'node:fs'

/** Process ids of this process's QEMUs. */
export function qemuPids(parent = process.pid): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isQemuOf(pid, parent))
}

/** Those of them that run a guest, not those that are asked for their version and may have ended when they are met. */
export function qemuMachines(): number[] {
  return qemuPids().filter((pid) => argumentsOf(pid).includes('-M'))
}

/** Whether a QEMU was started to tell its version only. */
export const tellsVersion = (pid: number): boolean => argumentsOf(pid).includes('--version')

/** None where it is about to end, or has ended since it was met. */
function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')
  } catch {
    return []
  }
}

/** Whether a process is there and not only a remainder. */
export function lives(pid: number): boolean {
  const [, state] = fieldsOf(pid)
  return state !== undefined && state !== 'Z' && state !== 'X'
}

function isQemuOf(pid: number, parent: number): boolean {
  const [name, state, ppid] = fieldsOf(pid)
  return name?.startsWith('qemu-system') === true && state !== 'Z' && Number(ppid) === parent
}

/** Name, state and parent of a process, proc(5); none where it has ended. */
function fieldsOf(pid: number): (string | undefined)[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const end = stat.lastIndexOf(')')
    return [stat.slice(stat.indexOf('(') + 1, end), ...stat.slice(end + 2).split(' ')]
  } catch {
    return []
  }
}
