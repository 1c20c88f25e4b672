/**
 * The whole state of a guest but for its memory blocks: the sections of the common format.
 *
 * Sections are named, versioned records. A machine without a device simply lacks its section (IOAPIC, disk …).
 */
import type { ValueOf } from '../util/record.ts'
import { dma, ioapic, lapic, pic, pit, rtc } from './chips.ts'
import { cpu, events, fpu } from './cpu.ts'
import { board, ide, keyboard, nic, pci, serial, vga } from './devices.ts'

/** Every section of the common format, in the order in which they travel. `required`: every PC has it. */
export const SECTIONS = {
  cpu: { id: 1, version: 1, required: true, type: cpu },
  fpu: { id: 2, version: 1, required: true, type: fpu },
  events: { id: 3, version: 1, required: true, type: events },
  picMaster: { id: 4, version: 1, required: true, type: pic },
  picSlave: { id: 5, version: 1, required: true, type: pic },
  pit: { id: 6, version: 1, required: true, type: pit },
  rtc: { id: 7, version: 1, required: true, type: rtc },
  lapic: { id: 8, version: 1, required: false, type: lapic },
  ioapic: { id: 9, version: 1, required: false, type: ioapic },
  dma: { id: 10, version: 1, required: true, type: dma },
  serial: { id: 11, version: 1, required: true, type: serial },
  keyboard: { id: 12, version: 1, required: true, type: keyboard },
  ide: { id: 13, version: 1, required: true, type: ide },
  vga: { id: 14, version: 1, required: true, type: vga },
  nic: { id: 15, version: 1, required: false, type: nic },
  pci: { id: 16, version: 1, required: true, type: pci },
  board: { id: 17, version: 1, required: true, type: board },
} as const

export type SectionName = keyof typeof SECTIONS
export type SectionValue<N extends SectionName> = ValueOf<(typeof SECTIONS)[N]['type']>
type RequiredSection = { [N in SectionName]: (typeof SECTIONS)[N]['required'] extends true ? N : never }[SectionName]

/** The neutral state of one machine at one instant, between two instructions. */
export type MachineState = { [N in RequiredSection]: SectionValue<N> } & {
  [N in Exclude<SectionName, RequiredSection>]?: SectionValue<N>
} & {
  /** Host's wall clock at the capture: nanoseconds since 1970-01-01 UTC. Times in the sections are relative to it. */
  capturedAtNs: bigint
}

/** Names of all sections, in the order in which they travel. */
export const SECTION_NAMES = Object.keys(SECTIONS) as readonly SectionName[]
