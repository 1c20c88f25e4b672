/**
 * Whether QEMU may run a guest whose memory has not come yet: it has Linux trap its accesses to missing pages, by
 * userfaultfd(2), which is for the privileged only unless the system says otherwise.
 */
import { readFileSync } from 'node:fs'

const SETTING = '/proc/sys/vm/unprivileged_userfaultfd'
const STATUS = '/proc/self/status'
/** Bit of `CapEff` (linux/capability.h): what the kernel asks for in place of the setting (fs/userfaultfd.c). */
const CAP_SYS_PTRACE = 19n

/** @returns null where it may, else why it may not, with what to do */
export function memoryTrapRefusal(read: (path: string) => string = readText): string | null {
  const setting = textOf(read, SETTING)
  if (setting === null) {
    return 'Linux here has no userfaultfd, by which QEMU waits for pages that have not come: guests cannot be pulled into it.'
  }
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(textOf(read, STATUS) ?? '')?.[1] ?? '0'
  if (setting.trim() === '1' || ((BigInt(`0x${capabilities}`) >> CAP_SYS_PTRACE) & 1n) === 1n) return null
  return (
    'Linux here lets only the privileged use userfaultfd, by which QEMU waits for pages that have not come: guests cannot be ' +
    'pulled into it. `sysctl vm.unprivileged_userfaultfd=1`, as root, allows it.'
  )
}

const readText = (path: string): string => readFileSync(path, 'utf8')

function textOf(read: (path: string) => string, path: string): string | null {
  try {
    return read(path)
  } catch {
    return null
  }
}
