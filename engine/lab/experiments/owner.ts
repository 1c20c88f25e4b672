/** Which process carries an experiment out: `PID/TOKEN@MACHINE`. */

export const ownerOf = (token: string, machineId: string): string => `${process.pid}/${token}@${machineId}`

/**
 * Whether the process of an owner is there. Of another machine's nothing can be known; its last sign of life counts.
 * @param machineId this machine; null: not known yet, in which case a process of that number here counts as it
 */
export function ownerAlive(owner: string, machineId: string | null): boolean {
  const [, pid, machine] = /^(\d+)\/[^@]*@(.+)$/.exec(owner) ?? []
  if (pid === undefined) return false
  if (machineId !== null && machine !== machineId) return true
  try {
    process.kill(Number(pid), 0)
    return true
  } catch (thrown) {
    // The process of another user is there all the same.
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM'
  }
}
