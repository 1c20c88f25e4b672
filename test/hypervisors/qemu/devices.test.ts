/** What QEMU's devices need of a state, and what they cannot be in. */
import { describe, expect, it } from 'vitest'
import type { NativeRecord } from '../../../engine/hypervisors/hypervisor.ts'
import { packIdentify, unpackIdentify } from '../../../engine/hypervisors/devicemodel/identify.ts'
import { pckbdExtended } from '../../../engine/hypervisors/devicemodel/keyboard.ts'
import { pciDevice } from '../../../engine/hypervisors/devicemodel/pci.ts'
import { mc146818rtc } from '../../../engine/hypervisors/devicemodel/rtc.ts'
import { serial, serialThrIpending } from '../../../engine/hypervisors/devicemodel/serial.ts'
import { i8259 } from '../../../engine/hypervisors/qemu/chips.ts'
import { lineInput, unsentOutput } from '../../../engine/hypervisors/qemu/loose-ends.ts'
import { qemu } from '../../../engine/hypervisors/qemu/qemu.ts'
import { refusals } from '../../../engine/hypervisors/qemu/refusals.ts'
import { serialTimeoutTimer, serialTsr, serialXmitFifo } from '../../../engine/hypervisors/qemu/serial-pending.ts'
import type { MachineState } from '../../../engine/vmstate/state.ts'
import { atRest, changed, codeOf, packed, recordOf } from './at-rest.ts'

describe('the devices', () => {
  it('a serial line that is up, neither requested nor in service, is requested: QEMU takes edges', () => {
    const state = atRest()
    const up = { ...state, serial: { ...state.serial, iir: 2, ier: 2, pending: 4 } }
    expect(packed(up, i8259)).toMatchObject({ irr: 0x10, last_irr: 0x10 })
    expect(packed({ ...up, picMaster: { ...up.picMaster, isr: 0x10 } }, i8259)).toMatchObject({
      irr: 0,
      last_irr: 0x10,
    })
    expect(packed(up, serialThrIpending).thr_ipending).toBe(1)
    expect(packed(up, serial).iir).toBe(0xc2)
  })

  it('what does not fit into the UART stays on the line', () => {
    const state = atRest()
    const rx = new Uint8Array(4096).map((_, i) => (i < 20 ? i + 1 : 0))
    const waiting = { ...state, serial: { ...state.serial, rx, rxLength: 20, lsr: 0x61 } }
    expect([...lineInput(waiting)]).toEqual([17, 18, 19, 20])
    expect(qemu.unpack(qemu.pack(waiting)).serial).toMatchObject({ rxLength: 16, pending: 4 | 16 })
    const plain = { ...waiting, serial: { ...waiting.serial, fcr: 0 } }
    expect(lineInput(plain)).toHaveLength(19)
    expect(qemu.unpack(qemu.pack(plain)).serial).toMatchObject({ rxLength: 1 })
    expect(qemu.unpack(qemu.pack(plain)).serial.rx[0]).toBe(1)
    expect(lineInput(state)).toHaveLength(0)
  })

  it('what QEMU had not sent is told apart, the byte in the shift register first', () => {
    const data = new Uint8Array(16)
    data.set([0x43], 0)
    data.set([0x42], 15)
    const records: NativeRecord[] = [
      { name: serialTsr.name, instance: 0, bytes: serialTsr.encode({ tsr_retry: 1, thr: 0, tsr: 0x41 }) },
      { name: serialXmitFifo.name, instance: 0, bytes: serialXmitFifo.encode({ data, head: 15, num: 2 }) },
    ]
    expect(Buffer.from(unsentOutput(records)).toString()).toBe('ABC')
    // Ours has sent them, and says so to a guest that waits for it.
    const state = atRest()
    const waits = { ...state, serial: { ...state.serial, ier: 2, lsr: 0x60 } }
    const back = qemu.unpack([...changed(qemu.pack(waits), serial, { lsr: 0 }), ...records])
    expect(back.serial).toMatchObject({ lsr: 0x60, iir: 2, pending: 4 })
    expect(back.picMaster).toMatchObject({ irr: 0x10, lastIrr: 0x10 })
    expect(unsentOutput(qemu.pack(atRest()))).toHaveLength(0)
  })

  it('bytes that wait for an interrupt that QEMU has put off get it here', () => {
    const state = atRest()
    const rx = new Uint8Array(4096)
    rx[0] = 10
    const waiting = { ...state, serial: { ...state.serial, rx, rxLength: 1, lsr: 0x61, ier: 1 } }
    const put = serialTimeoutTimer.encode({ fifo_timeout_timer: 5_000_100_000n })
    const records = [...qemu.pack(waiting), { name: serialTimeoutTimer.name, instance: 0, bytes: put }]
    expect(qemu.unpack(records).serial).toMatchObject({ iir: 12, pending: 4 | 16 | (1 << 12) })
    expect(qemu.unpack(records).picMaster.irr).toBe(0x10)
    expect(qemu.unpack(qemu.pack(waiting)).picMaster.irr).toBe(0)
  })

  it("a byte in the keyboard's output buffer is told by whom it is", () => {
    const state = atRest()
    const full = { ...state, keyboard: { ...state.keyboard, outputFull: true, outputFromMouse: false, commandByte: 1 } }
    expect(packed(full, pckbdExtended).obsrc).toBe(1)
    expect(packed(full, i8259).last_irr & 2).toBe(2)
    expect(packed({ ...full, keyboard: { ...full.keyboard, outputFromMouse: true } }, pckbdExtended).obsrc).toBe(2)
  })

  it("read-only bytes of configuration space are QEMU's there and ours here; the memory below 1 MB is RAM", () => {
    const state = atRest()
    const records = qemu.pack(state)
    const bridge = recordOf(records, pciDevice, 0).config
    expect([...bridge.subarray(0x59, 0x60)]).toEqual([0x30, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33])
    expect(recordOf(records, pciDevice, 0x09).config.subarray(0, 4)).toEqual(Uint8Array.of(0x86, 0x80, 0x10, 0x70))
    const configs = ({ pci }: MachineState) => pci.functions.slice(0, 5).map(({ devfn, config }) => [devfn, config])
    expect(configs(qemu.unpack(records))).toEqual(configs(state))
  })

  it('the network card pulls its interrupt where it has a cause that is enabled', () => {
    const state = atRest()
    const { nic } = state
    if (nic === undefined) throw new Error('no card')
    const level = (interruptStatus: number, interruptMask: number): number | undefined =>
      packed({ ...state, nic: { ...nic, interruptStatus, interruptMask } }, pciDevice, 0x28).irq_state[0]
    expect([level(1, 1), level(1, 2), level(0x80, 0xff)]).toEqual([1, 0, 0])
  })

  it('a drive is what it answers to IDENTIFY, also where it has sectors of the usual size and does not say so', () => {
    const disk = { atapi: false, cylinders: 16, heads: 16, sectorsPerTrack: 63, sectors: 16384, sectorSize: 512 }
    const cd = { atapi: true, cylinders: 0, heads: 1, sectorsPerTrack: 0, sectors: 0, sectorSize: 2048 }
    const words = new Uint16Array(Uint8Array.from(packIdentify(disk)).buffer)
    // ATA8-ACS: LBA and DMA; 48-bit addressing; sectors by 28 and by 48 bits; no size of a sector but the usual one.
    expect([(words[49] ?? 0) & 0x300, (words[83] ?? 0) & 0x400, words[60], words[100], words[117]]).toEqual([
      ...[0x300, 0x400, 16384, 16384, 0],
    ])
    expect(Buffer.from(packIdentify(disk)).swap16().toString('latin1', 54, 67)).toBe('QEMU HARDDISK')
    for (const drive of [disk, cd, { ...disk, sectorSize: 4096 }])
      expect(unpackIdentify(packIdentify(drive))).toEqual(drive)
  })

  it('an alarm is due by the one timer that QEMU has, and only where it is enabled', () => {
    const state = atRest()
    const rtc = { ...state.rtc, registerB: 0x20, updateInNs: -1n, alarmInNs: 7_000_000_000n, periodicInNs: -1n }
    expect(packed({ ...state, rtc }, mc146818rtc)).toMatchObject({
      update_timer: 12_000_000_000n,
      next_alarm_time: 12_000_000_000n,
    })
    expect(qemu.unpack(qemu.pack({ ...state, rtc })).rtc).toMatchObject({ updateInNs: -1n, alarmInNs: 7_000_000_000n })
    expect(qemu.unpack(qemu.pack({ ...state, rtc: { ...rtc, registerB: 2 } })).rtc.alarmInNs).toBe(-1n)
    const periodic = { ...rtc, registerA: 0x26, registerB: 0x40, periodicInNs: 500_000n }
    expect(packed({ ...state, rtc: periodic }, mc146818rtc)).toMatchObject({
      period: 32,
      periodic_timer: 5_000_500_000n,
    })
  })
})

describe('what QEMU cannot be', () => {
  const state = atRest()
  const [first, second] = state.ide.channels
  const disk = first?.drives[0]
  if (first === undefined || second === undefined || disk === undefined) throw new Error('no drives')
  const busy = { ...first, drives: [{ ...disk, status: 0x58 }, ...first.drives.slice(1)] }
  const { nic: _nic, ...cardless } = state
  const low = state.pci.functions.map((f) => {
    const config = f.config.slice()
    if (f.devfn === 0x28) config.set([0x01, 0x03], 0x10)
    return { ...f, config }
  })
  const lapic = { ...state, ioapic: { id: 0, select: 0, irr: 0, lines: 0, redirectionLow: [], redirectionHigh: [] } }

  it.each<[string, MachineState]>([
    ['apic', lapic],
    ['efer', { ...state, cpu: { ...state.cpu, efer: 0x800n } }],
    ['tsc-rate', { ...state, cpu: { ...state.cpu, tscKHz: 2_000_000 } }],
    ['network-card', cardless],
    ['drives', { ...state, ide: { channels: [first, first] } }],
    ['disk-transfer', { ...state, ide: { channels: [busy, second] } }],
    ['serial-transmitter', { ...state, serial: { ...state.serial, lsr: 0x20 } }],
    ['network-ports', { ...state, pci: { ...state.pci, functions: low } }],
    ['pci-function', { ...state, pci: { ...state.pci, count: 4 } }],
  ])('is refused by name: %s', (what, refused) => {
    expect(refusals(refused).map((r) => r.what)).toContain(what)
    expect(codeOf(() => qemu.pack(refused))).toBe(`native.${refusals(refused)[0]?.what}`)
    for (const { why } of refusals(refused)) expect(why).toMatch(/^\p{Lu}.*\.$/u)
  })

  it('is nothing of a machine like its own', () => {
    expect(refusals(state)).toEqual([])
  })
})
