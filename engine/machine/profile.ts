/**
 * The one PC that machines are, by the names under which hosts compare what they offer. QEMU can be set up to equal it
 * (machine type `pc`, NE2000 in slot 5, VGA in slot 18).
 */
import type { MachineConfig } from './machine.ts'
import { V86_VERSION } from './v86/package.ts'

const DEVICES = [
  'i440fx',
  'piix3',
  'i8259',
  'i8254',
  'mc146818',
  'i8237',
  'i8042',
  'uart16550',
  'piix3-ide',
  'vga-bochs-vbe',
  'ne2k-pci',
]

/** Devices of a machine with this configuration. */
export function devicesOf({ apic, disk }: Pick<MachineConfig, 'apic' | 'disk'>): string[] {
  return [...DEVICES, ...(apic ? ['lapic', 'ioapic'] : []), ...(disk === null ? [] : ['ata-disk'])]
}

/** CPUID flags that v86 shows (its `cpuid` instruction), by Linux's names. */
export const CPU_FEATURES: readonly string[] = [
  'fpu',
  'pse',
  'tsc',
  'msr',
  'pae',
  'cx8',
  'sep',
  'pge',
  'cmov',
  'mmx',
  'fxsr',
  'sse',
  'sse2',
  'pni',
  'popcnt',
  'rdrand',
  'erms',
]

/** Which emulator a saved state belongs to; another build may keep other devices. */
export const EMULATOR_IDENTITY = `v86 ${V86_VERSION}, machine 3`
