/** Who a program and what it started are connected to, as Linux tells: proc(5), net/tcp, net/udp. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Addresses as the kernel writes them, in host byte order: nobody, and this computer (127.0.0.0/8, ::1, mapped). */
const NOBODY = /^0+$/
const LOOPBACK = /^([0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F)$/

/** Peers beyond this computer; none on systems without proc(5). */
export function remotePeers(pid: number): string[] {
  if (process.platform !== 'linux') return []
  const inodes = new Set(family(pid).flatMap(sockets))
  return ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((table) =>
    lines(`/proc/${pid}/net/${table}`)
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(({ 9: inode }) => inodes.has(inode ?? ''))
      .map(({ 2: remote }) => remote?.split(':')[0] ?? '')
      .filter((address) => !NOBODY.test(address) && !LOOPBACK.test(address))
      .map((address) => `${table} ${address}`),
  )
}

/** The process, and all that came from it. */
function family(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    // After the name in brackets, which may hold anything: state, then the parent.
    .filter((name) => Number(/\) \S (\d+)/.exec(lines(`/proc/${name}/stat`)[0] ?? '')?.[1]) === pid)
  return [pid, ...children.flatMap((name) => family(Number(name)))]
}

function sockets(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
      } catch {
        return []
      }
    })
  } catch {
    return []
  }
}

/** None where the process has just ended. */
function lines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  }
}
