import { describe, expect, it } from 'vitest'
import { FerryError } from '../../engine/util/errors.ts'
import type { RecordType } from '../../engine/util/record.ts'
import type { Hypervisor, NativeRecord } from '../../engine/hypervisors/hypervisor.ts'
import { kvmIrqchip } from '../../engine/hypervisors/kvm/chips.ts'
import { kvmClockData } from '../../engine/hypervisors/kvm/clock.ts'
import { kvmDebugregs, kvmMpState, kvmRegs, kvmSregs2 } from '../../engine/hypervisors/kvm/cpu.ts'
import { kvmVcpuEvents } from '../../engine/hypervisors/kvm/events.ts'
import { kvm } from '../../engine/hypervisors/kvm/kvm.ts'
import { kvmMsrs } from '../../engine/hypervisors/kvm/msrs.ts'
import { pckbd, ps2kbd } from '../../engine/hypervisors/devicemodel/keyboard.ts'
import { serialRecvFifo } from '../../engine/hypervisors/devicemodel/serial.ts'
import { hvmHwVioapic } from '../../engine/hypervisors/xen/chips.ts'
import { foldRights, hvmHwCpu } from '../../engine/hypervisors/xen/cpu.ts'
import { fromHvmContext, hvmMsr, hvmSaveHeader, hvmTscAdjust, toHvmContext } from '../../engine/hypervisors/xen/hvm.ts'
import { xen } from '../../engine/hypervisors/xen/xen.ts'
import { sampleState } from '../vmstate/arbitrary-state.ts'

/** A state that has everything: LAPIC, IOAPIC, network card. */
const state = { ...sampleState(), ...optional() }
function optional() {
  for (let seed = 1; ; seed++) {
    const { lapic, ioapic, nic } = sampleState(seed)
    if (lapic !== undefined && ioapic !== undefined && nic !== undefined) return { lapic, ioapic, nic }
  }
}

function codeOf(action: () => unknown): string {
  try {
    action()
  } catch (thrown) {
    if (thrown instanceof FerryError) return thrown.code
    throw thrown
  }
  return 'none'
}

/** Unpacks with one record changed. */
function changed<T>(hv: Hypervisor, type: RecordType<T>, change: (value: T) => void, instance = 0): string {
  const records = hv.pack(state).map((r): NativeRecord => {
    if (r.name !== type.name || r.instance !== instance) return r
    const value = type.decode(r.bytes)
    change(value)
    return { ...r, bytes: type.encode(value) }
  })
  return codeOf(() => hv.unpack(records))
}

describe('Xen refuses to load', () => {
  it.each<[string, string, (cpu: ReturnType<typeof hvmHwCpu.decode>) => void]>([
    ['a pad that is not zero', 'native.pad', (c) => (c.pad0 = 1)],
    ['CR0 without ET', 'native.cr0', (c) => (c.cr0 = 1n)],
    ['paging without protected mode', 'native.cr0', (c) => (c.cr0 = 0x80000010n)],
    ['CR0 above 32 bits', 'native.cr0', (c) => (c.cr0 |= 1n << 32n)],
    ['reserved bits of CR4', 'native.cr4', (c) => (c.cr4 |= 1n << 15n)],
    ['CR4 bits that the CPU lacks', 'native.cr4', (c) => (c.cr4 |= 1n << 20n)],
    ['long mode in EFER', 'native.efer', (c) => (c.msr_efer |= 1n << 8n)],
    ['reserved bits of EFER', 'native.efer', (c) => (c.msr_efer |= 1n << 1n)],
    ['DR6 above 32 bits', 'native.debug-register', (c) => (c.dr6 |= 1n << 32n)],
    ['DR7 above 32 bits', 'native.debug-register', (c) => (c.dr7 |= 1n << 63n)],
  ])('%s', (_what, code, change) => {
    expect(changed(xen, hvmHwCpu, change)).toBe(code)
  })

  it('what the common format has no place for', () => {
    expect(changed(xen, hvmHwCpu, (c) => (c.rax = 1n << 32n))).toBe('native.not-32-bit')
    expect(changed(xen, hvmHwCpu, (c) => (c.r9 = 1n))).toBe('native.not-32-bit')
    expect(changed(xen, hvmHwCpu, (c) => Object.assign(c.pending_event, { pending_valid: 1, pending_type: 3 }))).toBe(
      'native.pending-event',
    )
    expect(changed(xen, hvmTscAdjust, (r) => (r.tsc_adjust = 1n))).toBe('native.msr')
    expect(changed(xen, hvmMsr, (r) => (r.count = 1))).toBe('native.msr')
    expect(changed(xen, hvmSaveHeader, (r) => (r.version = 2))).toBe('native.header')
    expect(
      changed(xen, hvmHwVioapic, (r) => {
        const pin = r.redirtbl[40]
        if (pin !== undefined) pin.low = 0x31
      }),
    ).toBe('native.ioapic-pins')
  })

  it('no raw rights of VMX: it folds them', () => {
    expect(foldRights(0xc09b)).toEqual({ access: 0xc9b, unusable: false })
    expect(foldRights(0xc9b)).toEqual({ access: 0xc9b, unusable: false })
    expect(foldRights(0x10000)).toEqual({ access: 0, unusable: true })
  })

  it('an HVM context that is cut off, too long, or has an unknown record', () => {
    const image = toHvmContext(xen.pack(state))
    for (let length = 0; length < image.length; length++) {
      expect(codeOf(() => fromHvmContext(image.subarray(0, length)))).toBe('native.truncated')
    }
    expect(codeOf(() => fromHvmContext(Buffer.concat([image, Buffer.alloc(1)])))).toBe('native.oversized')
    expect(codeOf(() => fromHvmContext(Uint8Array.of(99, 0, 0, 0, 0, 0, 0, 0)))).toBe('native.unknown')
  })
})

describe('KVM refuses to load', () => {
  it('special registers that are impossible', () => {
    expect(changed(kvm, kvmSregs2, (s) => (s.cr0 = 0x80000010n))).toBe('native.cr0')
    expect(changed(kvm, kvmSregs2, (s) => (s.cr4 |= 1n << 15n))).toBe('native.cr4')
    expect(changed(kvm, kvmSregs2, (s) => (s.efer |= 1n << 10n))).toBe('native.efer')
    expect(changed(kvm, kvmSregs2, (s) => (s.flags = 2n))).toBe('native.flags')
    expect(changed(kvm, kvmSregs2, (s) => (s.cs.base = 1n << 40n))).toBe('native.not-32-bit')
    expect(changed(kvm, kvmRegs, (r) => (r.rip = 1n << 33n))).toBe('native.not-32-bit')
    expect(changed(kvm, kvmDebugregs, (d) => (d.dr7 = 1n << 32n))).toBe('native.debug-register')
    expect(changed(kvm, kvmDebugregs, (d) => (d.flags = 1n))).toBe('native.flags')
  })

  it('events that are half delivered, and states of a vCPU that waits to be started', () => {
    expect(changed(kvm, kvmVcpuEvents, (e) => (e.interrupt.injected = 1))).toBe('native.pending-event')
    expect(changed(kvm, kvmVcpuEvents, (e) => (e.flags = 0x40))).toBe('native.flags')
    expect(changed(kvm, kvmMpState, (m) => (m.mp_state = 1))).toBe('native.mp-state')
  })

  it('registers that contradict each other, or are unknown', () => {
    expect(changed(kvm, kvmSregs2, (s) => (s.apic_base ^= 0x100n))).toBe('native.msr')
    expect(changed(kvm, kvmMsrs, (m) => (m.nmsrs = 1))).toBe('native.msr')
    expect(
      changed(kvm, kvmMsrs, (m) => {
        const [first] = m.entries
        if (first !== undefined) first.index = 0x277
      }),
    ).toBe('native.msr')
    expect(changed(kvm, kvmIrqchip, (c) => (c.chip_id = 1))).toBe('native.irqchip')
    expect(changed(kvm, kvmClockData, (c) => (c.flags = 1))).toBe('native.flags')
  })
})

describe.each([xen, kvm])('$kind refuses', (hv) => {
  const records = hv.pack(state)

  it('each record that is cut off, too long, missing or there twice', () => {
    records.forEach((record, i) => {
      const replaced = (...by: NativeRecord[]): string => codeOf(() => hv.unpack(records.toSpliced(i, 1, ...by)))
      const { bytes } = record
      const label = `${record.name}/${record.instance}`
      if (bytes.length > 0) expect(replaced({ ...record, bytes: bytes.slice(1) }), label).toBe('native.truncated')
      const long = new Uint8Array(bytes.length + 1)
      long.set(bytes)
      expect(replaced({ ...record, bytes: long }), label).toMatch(/^native\.(oversized|msr)$/)
      expect(replaced(record, record), label).toBe('native.duplicate')
      // Absent parts of a machine are absent records, and Xen leaves out an empty list of MSRs.
      const optionalRecord =
        /ioapic|lapic_(regs|state)|ne2000|PCIDevice|hvm_msr/.test(record.name) || label === 'kvm_irqchip/2'
      expect(replaced(), label).toBe(optionalRecord ? 'none' : 'native.missing')
    })
  })

  it('a record that it does not know', () => {
    const stranger = { name: 'hvm_hw_hpet', instance: 0, bytes: new Uint8Array(8) }
    expect(codeOf(() => hv.unpack([...records, stranger]))).toBe('native.unknown')
  })

  it('queues that are longer than they can be', () => {
    expect(changed(hv, serialRecvFifo, (f) => (f.num = 17))).toBe('native.fifo')
    expect(changed(hv, ps2kbd, (k) => (k.common.count = 200))).toBe('native.queue')
    expect(changed(hv, ps2kbd, (k) => (k.common.rptr = -1))).toBe('native.queue')
    expect(changed(hv, pckbd, (k) => (k.write_cmd = 0x55))).toBe('none')
  })
})
