/** What `virsh` tells of a host, and of itself. */
import { cpus, machine } from 'node:os'
import { virshLines } from '../../hypervisors/kvm/toolstack/format.ts'
import { PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { Host } from '../host.ts'

/** libvirt of Debian 12, whose words these are; the QEMU is the one whose device state a KVM-like host packs. */
export const VERSION = `Compiled against library: libvirt 9.0.0
Using library: libvirt 9.0.0
Using API: QEMU 9.0.0
Running hypervisor: QEMU 7.2.0

`

/** `virsh nodeinfo`: this computer's processors, the host's own memory. */
export function nodeInfo({ memory }: Host): string {
  const all = cpus()
  const facts = {
    'CPU model': machine(),
    'CPU(s)': String(all.length),
    'CPU frequency': `${all[0]?.speed ?? 0} MHz`,
    // Node does not tell how they lie; libvirt says this then, too (virHostCPUGetInfoPopulateLinux).
    'CPU socket(s)': '1',
    'Core(s) per socket': String(all.length),
    'Thread(s) per core': '1',
    'NUMA cell(s)': '1',
    'Memory size': `${(memory.totalPages * PAGE_SIZE) / 1024} KiB`,
  }
  return virshLines(facts, 21)
}
