/**
 * Random states of a machine: every field takes every value that the emulator can hold. What it cannot hold is what
 * `restrict` takes away; so this is the list of what a state loses on its way through it.
 */
import type { Segment } from '../../engine/vmstate/cpu.ts'
import { PS2_QUEUE, SERIAL_QUEUE } from '../../engine/vmstate/devices.ts'
import { type MachineState, SECTIONS, type SectionName } from '../../engine/vmstate/state.ts'
import { random } from './helpers.ts'

const PRESENT = 1 << 7
const GRANULAR = 1 << 11
const BIG = 1 << 10
const DRQ = 0x08
const NS_PER_MS = 1_000_000n

/** A random state for the machine that `base` was captured from: same devices, same PCI functions. */
export function heldState(base: MachineState, seed: number): MachineState {
  const pick = random(seed)
  const state = { ...base }
  for (const name of Object.keys(SECTIONS) as SectionName[]) {
    if (base[name] === undefined) continue
    const { type } = SECTIONS[name]
    const noise = Uint8Array.from({ length: type.bytes }, () => pick(256))
    Object.assign(state, { [name]: type.decode(noise) })
  }
  restrictCpu(state, pick)
  restrictChips(state, pick)
  restrictDevices(state, base, pick)
  return state
}

type Pick = (limit: number) => number

function restrictCpu({ cpu, fpu, events }: MachineState, pick: Pick): void {
  cpu.cpl = pick(4)
  for (const segment of [cpu.es, cpu.ds, cpu.fs, cpu.gs]) segment.access &= 0xff
  // Only CS and SS have a D/B bit; DPL is the CPL, but for a conforming CS.
  cpu.ss.access = (cpu.ss.access & (0x9f | BIG)) | (cpu.cpl << 5)
  const conforming = (cpu.cs.access & 0x0c) === 0x0c
  cpu.cs.access &= 0xff | BIG
  if (!conforming) cpu.cs.access = (cpu.cs.access & ~0x60) | (cpu.cpl << 5)
  cpu.tr.access = pick(2) === 0 ? 0x8b : 0x83
  cpu.ldtr.access = 0x82
  const derived = (segment: Segment) => {
    if (segment.limit > 0xfffff) segment.access |= GRANULAR
    if (segment.unusable) segment.access &= ~PRESENT
  }
  ;[cpu.es, cpu.cs, cpu.ss, cpu.ds, cpu.fs, cpu.gs, cpu.tr, cpu.ldtr].forEach(derived)
  cpu.tsc = BigInt(pick(2 ** 31)) << 20n
  cpu.tscKHz = 1_000_000
  cpu.apicBase = 0xfee00100n | (pick(2) === 0 ? 0n : 0x800n)
  cpu.efer = 0n
  fpu.fop &= 0x7ff
  events.interruptShadow = 0
  events.nmiPending = false
  events.nmiMasked = false
}

function restrictChips(state: MachineState, pick: Pick): void {
  for (const pic of [state.picMaster, state.picSlave]) {
    pic.priorityAdd = 0
    pic.poll = false
    pic.rotateOnAutoEoi = false
    pic.specialFullyNested = false
    pic.initState = [0, 2, 3, 4][pick(4)]
    if (pic.initState === 0) pic.expectIcw4 = false
    if (pic.initState === 4) pic.expectIcw4 = true
  }
  state.pit.speaker = 1 // the gate of channel 2 is always open
  for (const channel of state.pit.channels) {
    channel.bcd = false
    channel.gate = true
    channel.sinceStartNs = BigInt(pick(2 ** 31))
    channel.reload ||= 0xffff // what 65536 becomes
  }
  const { rtc } = state
  rtc.cmos.set([rtc.registerA, rtc.registerB, rtc.registerC], 0x0a)
  rtc.timeMs = 1_700_000_000_000n + BigInt(pick(2 ** 31))
  const armed = () => (pick(3) === 0 ? -1n : BigInt(pick(100_000)) * NS_PER_MS)
  rtc.periodicInNs = armed()
  rtc.alarmInNs = armed()
  rtc.updateInNs = armed()
  const { lapic } = state
  if (lapic !== undefined) {
    const code = (lapic.timerDivide & 3) | ((lapic.timerDivide >> 1) & 4)
    const periodNs = lapic.timerInitialCount * (code === 7 ? 1 : 2 ** (code + 1))
    if (pick(3) === 0) lapic.timerCurrentCount = 0
    const stopped = lapic.timerInitialCount === 0 || lapic.timerCurrentCount === 0
    lapic.timerInNs = stopped ? -1n : BigInt(Math.floor((periodNs * pick(1000)) / 1000))
  }
}

function restrictDevices(state: MachineState, base: MachineState, pick: Pick): void {
  const { serial, keyboard, vga, pci } = state
  serial.rxLength = pick(SERIAL_QUEUE + 1)
  serial.rx.fill(0, serial.rxLength)
  keyboard.keyboardQueueLength = pick(PS2_QUEUE + 1)
  keyboard.keyboardQueue.fill(0, keyboard.keyboardQueueLength)
  keyboard.mouseQueueLength = pick(PS2_QUEUE + 1)
  keyboard.mouseQueue.fill(0, keyboard.mouseQueueLength)

  state.ide.channels.forEach((channel, i) => {
    const own = base.ide.channels[i]
    channel.drives.forEach((drive, j) => {
      drive.present = own.drives[j].present
      drive.atapi = own.drives[j].atapi
      if ((drive.status & DRQ) !== 0) drive.dataLength = pick(128 * 1024 + 1)
    })
    channel.unit = pick(2)
    // A channel that the machine does not have.
    if (own.drives[0].sectorSize === 0) state.ide.channels[i] = own
  })

  vga.sequencer[0] = 0
  vga.attributeIndex &= vga.attributeFlipFlop ? 0x3f : 0x20
  vga.attribute[0x11] = 0 // overscan colour
  vga.crtc[0x07] &= 0x5a // bits of the vertical total and retrace

  pci.count = base.pci.count
  pci.functions = base.pci.functions.map(({ devfn, config }, i) => {
    const random = pci.functions[i].config
    if (i >= base.pci.count) return { devfn, config, intx: false }
    random.set(config.subarray(0x10, 0x28), 0x10)
    if (devfn === NIC_DEVFN)
      new DataView(random.buffer, random.byteOffset).setUint32(0x10, 0x1001 + 32 * pick(1000), true)
    return { devfn, config: random, intx: false }
  })
}

/** v86's NE2000 is in slot 5. */
const NIC_DEVFN = 5 << 3
