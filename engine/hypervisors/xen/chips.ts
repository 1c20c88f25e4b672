/** Xen's save records of the PC's chips (Xen 4.17, xen/arch-x86/hvm/save.h): PIC, IOAPIC, LAPIC, wires, PIT, RTC. */
import { array, bits, bytes, pad, record, s64, u32, u64, u8 } from '../../util/record.ts'
import type { Ioapic, Pic, Pit, Rtc } from '../../vmstate/chips.ts'
import type { MachineState } from '../../vmstate/state.ts'
import { packPitChannel, pitChannelFields, unpackPitChannel } from '../i8254.ts'
import { lapicPage } from '../lapic-page.ts'
import { assertedPins, pirqRoutes } from '../pci-interrupts.ts'
import { refuse, type NativeReader, type NativeWriter } from '../records.ts'

export const hvmHwVpic = record('hvm_hw_vpic', 'le', {
  irr: u8,
  imr: u8,
  isr: u8,
  irq_base: u8,
  /** `init_state`: bits 0–1 the ICW expected less one (0 = none), bit 2 an ICW4 was announced. */
  init: bits(1, { init_state: 4, priority_add: 4 }),
  modes: bits(1, {
    readsel_isr: 1,
    poll: 1,
    auto_eoi: 1,
    rotate_on_auto_eoi: 1,
    special_fully_nested_mode: 1,
    special_mask_mode: 1,
    is_master: 1,
  }),
  elcr: u8,
  int_output: u8,
})

const redirection = record('vioapic_redir_entry', 'le', { low: u32, high: u32 })
const XEN_PINS = 48
const PINS = 24
export const hvmHwVioapic = record('hvm_hw_vioapic', 'le', {
  base_address: u64,
  ioregsel: u32,
  id: u32,
  redirtbl: array(redirection, XEN_PINS),
})

/** Debian's Xen 4.17; later versions append to it. */
export const hvmHwLapic = record('hvm_hw_lapic', 'le', {
  apic_base_msr: u64,
  disabled: u32,
  timer_divisor: u32,
  tdt_msr: u64,
})
export const hvmHwLapicRegs = record('hvm_hw_lapic_regs', 'le', { data: lapicPage })

export const hvmHwPciIrqs = record('hvm_hw_pci_irqs', 'le', { i: bytes(16) })
export const hvmHwIsaIrqs = record('hvm_hw_isa_irqs', 'le', { i: u64 })
export const hvmHwPciLink = record('hvm_hw_pci_link', 'le', { route: bytes(4), pad0: pad(4) })

const hvmHwPitChannel = record('hvm_hw_pit_channel', 'le', pitChannelFields)
export const hvmHwPit = record('hvm_hw_pit', 'le', {
  channels: array(hvmHwPitChannel, 3),
  speaker_data_on: u32,
  pad0: u32,
})

const CMOS = 14
export const hvmHwRtc = record('hvm_hw_rtc', 'le', {
  cmos_data: bytes(CMOS),
  cmos_index: u8,
  pad0: u8,
  rtc_offset: s64,
})

/** Structs that are fields of others: no records by themselves, but compared with the headers too. */
export const xenNestedLayouts = [hvmHwPitChannel] as const

/** Neutral → PIC. `int_output` is computed as the chip does. */
export function packPic(out: NativeWriter, p: Pic, instance: number): void {
  out.put(
    hvmHwVpic,
    {
      irr: p.irr,
      imr: p.imr,
      isr: p.isr,
      irq_base: p.irqBase,
      init: {
        init_state: (p.initState > 0 ? (p.initState - 1) & 3 : 0) | (p.expectIcw4 ? 4 : 0),
        priority_add: p.priorityAdd,
      },
      modes: {
        readsel_isr: p.readIsr ? 1 : 0,
        poll: p.poll ? 1 : 0,
        auto_eoi: p.autoEoi ? 1 : 0,
        rotate_on_auto_eoi: p.rotateOnAutoEoi ? 1 : 0,
        special_fully_nested_mode: p.specialFullyNested ? 1 : 0,
        special_mask_mode: p.specialMask ? 1 : 0,
        is_master: instance === 0 ? 1 : 0,
      },
      elcr: p.elcr,
      int_output: interruptOutput(p) ? 1 : 0,
    },
    instance,
  )
}

/** An unmasked request of a higher priority than every interrupt in service. */
function interruptOutput(p: Pic): boolean {
  const requests = p.irr & ~p.imr
  const service = p.specialMask ? p.isr & ~p.imr : p.isr
  for (let i = 0; i < 8; i++) {
    const bit = 1 << ((i + p.priorityAdd) & 7)
    if ((service & bit) !== 0) return false
    if ((requests & bit) !== 0) return true
  }
  return false
}

/** PIC → neutral; `lastIrr` is zero. */
export function unpackPic(input: NativeReader, instance: number): Pic {
  const p = input.one(hvmHwVpic, instance)
  const step = p.init.init_state & 3
  return {
    irr: p.irr,
    imr: p.imr,
    isr: p.isr,
    irqBase: p.irq_base,
    lastIrr: 0,
    elcr: p.elcr,
    priorityAdd: p.init.priority_add,
    readIsr: p.modes.readsel_isr === 1,
    poll: p.modes.poll === 1,
    specialMask: p.modes.special_mask_mode === 1,
    initState: step === 0 ? 0 : step + 1,
    expectIcw4: (p.init.init_state & 4) !== 0,
    autoEoi: p.modes.auto_eoi === 1,
    rotateOnAutoEoi: p.modes.rotate_on_auto_eoi === 1,
    specialFullyNested: p.modes.special_fully_nested_mode === 1,
  }
}

const IOAPIC_BASE = 0xfec00000n
const MASKED = 0x10000

/** Neutral → IOAPIC: 24 of Xen's 48 pins, the others masked. */
export function packIoapic(out: NativeWriter, io: Ioapic): void {
  const redirtbl = Array.from({ length: XEN_PINS }, (_, pin) =>
    pin < PINS ? { low: io.redirectionLow[pin] ?? 0, high: io.redirectionHigh[pin] ?? 0 } : { low: MASKED, high: 0 },
  )
  out.put(hvmHwVioapic, { base_address: IOAPIC_BASE, ioregsel: io.select, id: io.id, redirtbl })
}

/** IOAPIC → neutral; `irr` and `lines` are zero. Throws `native.ioapic-pins` where the guest uses pins above 23. */
export function unpackIoapic(input: NativeReader): Ioapic | undefined {
  const io = input.maybe(hvmHwVioapic)
  if (io === undefined) return undefined
  for (let pin = PINS; pin < XEN_PINS; pin++) {
    if (((io.redirtbl[pin]?.low ?? MASKED) & MASKED) === 0) {
      refuse('ioapic-pins', `Pin ${pin} of the I/O APIC is in use; only the first ${PINS} can be migrated.`, { pin })
    }
  }
  const used = io.redirtbl.slice(0, PINS)
  return {
    id: io.id & 0xff,
    select: io.ioregsel & 0xff,
    irr: 0,
    lines: 0,
    redirectionLow: used.map((entry) => entry.low),
    redirectionHigh: used.map((entry) => entry.high),
  }
}

/** Wires and links: computed from the PCI functions and the PICs' inputs, never read back. */
export function packWires(out: NativeWriter, state: MachineState): void {
  const routes = pirqRoutes(state)
  const pciWires = new Uint8Array(16)
  let routed = 0
  for (const { device, pin } of assertedPins(state)) {
    const wire = device * 4 + pin
    pciWires[wire >> 3] = (pciWires[wire >> 3] ?? 0) | (1 << (wire & 7))
    const irq = routes[(device + pin) & 3] ?? 0x80
    if (irq < 16) routed |= 1 << irq
  }
  const inputs = state.picMaster.lastIrr | (state.picSlave.lastIrr << 8)
  out.put(hvmHwPciIrqs, { i: pciWires })
  out.put(hvmHwIsaIrqs, { i: BigInt(inputs & ~routed & 0xffff) })
  out.put(hvmHwPciLink, { route: Uint8Array.from(routes, (irq) => (irq < 16 ? irq : 0)) })
}

/** Checks that the wires are there. */
export function unpackWires(input: NativeReader): void {
  input.one(hvmHwPciIrqs)
  input.one(hvmHwIsaIrqs)
  input.one(hvmHwPciLink)
}

/** Neutral → PIT. Bit 0 of port 0x61 is the gate of channel 2. */
export function packPit(out: NativeWriter, p: Pit): void {
  out.put(hvmHwPit, {
    channels: p.channels.map(packPitChannel),
    speaker_data_on: (p.speaker >> 1) & 1,
    pad0: 0,
  })
}

/** PIT → neutral; no times, as Xen starts the counters anew. */
export function unpackPit(input: NativeReader): Pit {
  const p = input.one(hvmHwPit)
  const channels = p.channels.map(unpackPitChannel)
  return { channels, speaker: (p.speaker_data_on !== 0 ? 2 : 0) | (channels[2]?.gate === true ? 1 : 0) }
}

/** Neutral → RTC: the clock's 14 registers and the offset from the host's clock in seconds. */
export function packRtc(out: NativeWriter, r: Rtc, capturedAtNs: bigint): void {
  const cmos_data = r.cmos.slice(0, CMOS)
  cmos_data[10] = r.registerA
  cmos_data[11] = r.registerB
  cmos_data[12] = r.registerC
  const guestSeconds = r.timeMs / 1000n
  const hostSeconds = capturedAtNs / 1_000_000_000n
  out.put(hvmHwRtc, {
    cmos_data,
    cmos_index: r.index,
    pad0: 0,
    rtc_offset: BigInt.asIntN(64, guestSeconds - hostSeconds),
  })
}

/** RTC → neutral; no times. */
export function unpackRtc(input: NativeReader): Rtc {
  const r = input.one(hvmHwRtc)
  const cmos = new Uint8Array(128)
  cmos.set(r.cmos_data)
  return {
    cmos,
    index: r.cmos_index,
    nmiDisabled: false,
    registerA: r.cmos_data[10] ?? 0,
    registerB: r.cmos_data[11] ?? 0,
    registerC: r.cmos_data[12] ?? 0,
    timeMs: 0n,
    periodicInNs: 0n,
    alarmInNs: 0n,
    updateInNs: 0n,
  }
}
