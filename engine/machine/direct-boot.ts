/** Starting a kernel without a BIOS: memory, a flat protected mode, and the PCI set-up that a BIOS would have made. */
import type { Emulator } from './emulator.ts'
import type { DirectBoot } from './machine.ts'
import { CPU_OFFSET as at, PIC_OFFSET, SEGMENT_INDEX } from './v86/layout.ts'

const CODE_SELECTOR = 0x10
const DATA_SELECTOR = 0x18
/** Present, ring 0, code or data, readable or writable (SDM 3A, 3.4.5). */
const CODE_ACCESS = 0x9a
const DATA_ACCESS = 0x92
const CR0_PE = 1
/** Reads as one on every processor since the 80486 (SDM 3A, 2.5). */
const CR0_ET = 0x10
const EFLAGS_FIXED = 2

/** What a start needs of an emulator. */
export type Bootable = Pick<Emulator, 'cpu' | 'view'>

/** The vCPU must not be running. */
export function directBoot(emulator: Bootable, plan: DirectBoot): void {
  const { cpu } = emulator
  for (const { address, bytes } of plan.segments) cpu.write_blob(bytes, address)
  const v = emulator.view(0, at.fpuRegisters)
  const set = (offset: number, value: number) => v.setInt32(offset, value, true)
  set(at.gdtrBase, plan.gdt.address)
  set(at.gdtrSize, plan.gdt.limit)
  set(at.idtrBase, 0)
  set(at.idtrSize, 0)
  set(at.cr0, CR0_PE | CR0_ET)
  set(at.protectedMode, 1)
  set(at.flags, EFLAGS_FIXED)
  set(at.flagsChanged, 0)
  set(at.is32, 1)
  set(at.stackSize32, 1)
  v.setUint8(at.cpl, 0)
  for (const [name, i] of Object.entries(SEGMENT_INDEX)) {
    if (name === 'tr' || name === 'ldtr') continue
    const code = name === 'cs'
    v.setUint8(at.segmentIsNull + i, 0)
    v.setUint32(at.segmentBase + 4 * i, 0, true)
    v.setUint32(at.segmentLimit + 4 * i, 0xffffffff, true)
    v.setUint8(at.segmentAccess + i, code ? CODE_ACCESS : DATA_ACCESS)
    v.setUint16(at.sreg + 2 * i, code ? CODE_SELECTOR : DATA_SELECTOR, true)
  }
  const { eax, ecx, edx, ebx, esp, ebp, esi, edi, eip } = plan.registers
  ;[eax, ecx, edx, ebx, esp, ebp, esi, edi].forEach((value, i) => set(at.reg32 + 4 * i, value))
  set(at.instructionPointer, eip)
  for (const { port, value, read } of plan.ports) {
    if (read === true) cpu.io.port_read8(port)
    else cpu.io.port_write8(port, value)
  }
  setUpPci(emulator)
  cpu.update_state_flags()
  cpu.full_clear_tlb()
}

const CONFIG_ADDRESS = 0xcf8
const CONFIG_DATA = 0xcfc
const ISA_BRIDGE = 1 << 3
/** PIRQA–PIRQD route control registers of the PIIX3 (Intel 290550, 2.2.5), and what SeaBIOS puts there. */
const PIRQ_ROUTE = 0x60
const PIRQ_LINES = [10, 10, 11, 11]
const INTERRUPT_LINE = 0x3c
/**
 * First base address register, and where a BIOS puts the network card's ports (SeaBIOS gives out I/O from here). v86 powers
 * it on at 0x300; a card of real size takes 256 ports, and would cover the serial port and the VGA from there.
 */
const BASE_ADDRESS = 0x10
const NETWORK_IDENTITY = 0x802910ec | 0
const NETWORK_PORTS = 0xc000
/** Vendor and device of the PIIX3's IDE function, and its two 16-bit timing registers. */
const IDE_IDENTITY = 0x70108086
const IDE_TIMING = 0x40
const IDE_DECODE_ENABLE = 0x8000

/** Routes the PCI interrupts to the PIC and tells each function its line, as a BIOS does. */
function setUpPci(emulator: Bootable): void {
  const { io, devices } = emulator.cpu
  const select = (devfn: number, register: number) =>
    io.port_write32(CONFIG_ADDRESS, 0x80000000 | (devfn << 8) | (register & 0xfc) | 0)
  PIRQ_LINES.forEach((line, i) => {
    select(ISA_BRIDGE, PIRQ_ROUTE)
    io.port_write8(CONFIG_DATA + i, line)
  })
  devices.pci.device_spaces.forEach((space, devfn) => {
    if (space === undefined) return
    select(devfn, INTERRUPT_LINE)
    const pin = (io.port_read32(CONFIG_DATA) >>> 8) & 0xff
    // The pin of slot n is swizzled by n − 1 (PIIX3 boards; v86 `PCI.raise_irq`).
    if (pin !== 0) io.port_write8(CONFIG_DATA, PIRQ_LINES[((devfn >> 3) - 1 + pin - 1) & 3])
  })
  // A BIOS gives the network card its ports, and switches both channels of the IDE function on (PIIX3, IDETIM, 2.3.9).
  devices.pci.device_spaces.forEach((space, devfn) => {
    if (space?.[0] === NETWORK_IDENTITY) {
      select(devfn, BASE_ADDRESS)
      io.port_write32(CONFIG_DATA, NETWORK_PORTS)
    }
    if (space?.[0] === IDE_IDENTITY) {
      select(devfn, IDE_TIMING)
      io.port_write32(CONFIG_DATA, IDE_DECODE_ENABLE | (IDE_DECODE_ENABLE << 16) | 0)
    }
  })
  // Both PICs' edge/level registers: PCI lines are shared and level triggered. Their ports exist for the guest only.
  const levels = PIRQ_LINES.reduce((mask, line) => mask | (1 << line), 0)
  const { cpu } = emulator
  emulator.view(cpu.get_pic_addr_master() + PIC_OFFSET.elcr, 1).setUint8(0, levels & 0xff)
  emulator.view(cpu.get_pic_addr_slave() + PIC_OFFSET.elcr, 1).setUint8(0, levels >> 8)
}
