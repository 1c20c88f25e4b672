/** CPU time of another process. */
import { readFile } from 'node:fs/promises'

/** /proc tells times in hundredths of a second (USER_HZ of Linux on a PC). */
const MS_PER_TICK = 10
/** Fields 14 and 15 of /proc/PID/stat, proc(5): user and system time; counted from behind the name, which is field 2. */
const [USER, SYSTEM] = [11, 12]

/** All its threads together, ms; 0 where it has ended. */
export async function cpuTimeMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[USER] ?? 0) + Number(fields[SYSTEM] ?? 0)) * MS_PER_TICK
}
