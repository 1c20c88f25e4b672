import { describe, expect, it } from 'vitest'
import type { RecordType } from '../../engine/util/record.ts'
import type { Hypervisor } from '../../engine/hypervisors/hypervisor.ts'
import { inspectRecord, layoutTables } from '../../engine/hypervisors/layouts.ts'
import { kvmPitState2 } from '../../engine/hypervisors/kvm/chips.ts'
import { kvmClockData } from '../../engine/hypervisors/kvm/clock.ts'
import { mc146818rtc } from '../../engine/hypervisors/devicemodel/rtc.ts'
import { kvmMpState, kvmSregs2 } from '../../engine/hypervisors/kvm/cpu.ts'
import { kvm } from '../../engine/hypervisors/kvm/kvm.ts'
import { dma } from '../../engine/hypervisors/devicemodel/dma.ts'
import {
  hvmHwLapic,
  hvmHwPciIrqs,
  hvmHwPciLink,
  hvmHwPit,
  hvmHwRtc,
  hvmHwVpic,
} from '../../engine/hypervisors/xen/chips.ts'
import { hvmHwCpu } from '../../engine/hypervisors/xen/cpu.ts'
import { qemu } from '../../engine/hypervisors/qemu/qemu.ts'
import { xen } from '../../engine/hypervisors/xen/xen.ts'
import type { MachineState } from '../../engine/vmstate/state.ts'
import { sampleState } from '../vmstate/arbitrary-state.ts'
import { sampleQemuState } from './qemu/qemu-state.ts'

function native<T>(hv: Hypervisor, type: RecordType<T>, state: MachineState, instance = 0): T {
  const record = hv.pack(state).find((r) => r.name === type.name && r.instance === instance)
  if (record === undefined) throw new Error(`no ${type.name}`)
  return type.decode(record.bytes)
}
const base = sampleState(11)
const ring3 = { selector: 0x2b, access: 0xcf3, unusable: false, limit: 0xffffffff, base: 0x1000 }

describe('the sizes of the records', () => {
  it.each([
    ['hvm_save_descriptor', 8],
    ['hvm_save_header', 24],
    ['hvm_hw_cpu', 1032],
    ['hvm_hw_vpic', 8],
    ['hvm_hw_vioapic', 400],
    ['hvm_hw_lapic', 24],
    ['hvm_hw_lapic_regs', 1024],
    ['hvm_hw_pci_irqs', 16],
    ['hvm_hw_isa_irqs', 8],
    ['hvm_hw_pci_link', 8],
    ['hvm_hw_pit', 56],
    ['hvm_hw_rtc', 24],
    ['hvm_hw_mtrr', 240],
    ['hvm_tsc_adjust', 8],
    ['hvm_save_end', 0],
    ['vcpu_guest_context', 2800],
    ['kvm_regs', 144],
    ['kvm_segment', 24],
    ['kvm_dtable', 16],
    ['kvm_sregs2', 320],
    ['kvm_fpu', 416],
    ['kvm_debugregs', 128],
    ['kvm_msr_entry', 16],
    ['kvm_mp_state', 4],
    ['kvm_vcpu_events', 64],
    ['kvm_pic_state', 16],
    ['kvm_ioapic_state', 216],
    ['kvm_irqchip', 520],
    ['kvm_lapic_state', 1024],
    ['kvm_pit_state2', 112],
    ['kvm_clock_data', 48],
    ['mc146818rtc', 245],
    ['serial', 11],
    ['ps2kbd', 284],
    ['cpu', 1313],
    ['i8254', 108],
  ])('%s: %i bytes', (name, bytes) => {
    expect(layoutTables().find((t) => t.record === name)?.bytes).toBe(bytes)
  })
})

describe('where fields go', () => {
  it('the privilege level is SS.DPL in both forms', () => {
    const state = { ...base, cpu: { ...base.cpu, ss: ring3, cpl: 3 } }
    expect(native(xen, hvmHwCpu, state).ss_arbytes).toBe(0xcf3)
    expect(native(kvm, kvmSregs2, state).ss).toMatchObject({
      dpl: 3,
      type: 3,
      s: 1,
      present: 1,
      db: 1,
      g: 1,
      l: 0,
      avl: 0,
    })
    const real = { ...state, cpu: { ...state.cpu, cpl: 0 } }
    expect(xen.unpack(xen.pack(real)).cpu).toMatchObject({ cpl: 0, ss: { access: 0xc93 } })
  })

  it('an unusable segment is not present for Xen, and flagged for KVM', () => {
    const state = { ...base, cpu: { ...base.cpu, gs: { ...ring3, unusable: true } } }
    expect(native(xen, hvmHwCpu, state).gs_arbytes).toBe(0xc73)
    expect(native(kvm, kvmSregs2, state).gs.unusable).toBe(1)
  })

  it('a pending NMI is a pending event for Xen; a halt is a state for KVM', () => {
    const state = { ...base, events: { halted: true, interruptShadow: 0, nmiPending: true, nmiMasked: false } }
    expect(native(xen, hvmHwCpu, state).pending_event).toMatchObject({
      pending_vector: 2,
      pending_type: 2,
      pending_valid: 1,
    })
    expect(native(kvm, kvmMpState, state).mp_state).toBe(3)
  })

  it('a count of 0 is 65536, with a load time only for KVM', () => {
    const channels = base.pit.channels.map((c) => ({ ...c, reload: 0, sinceStartNs: 1234n }))
    const state = { ...base, pit: { ...base.pit, channels } }
    expect(native(xen, hvmHwPit, state).channels[0]?.count).toBe(65536)
    const { clock } = native(kvm, kvmClockData, state)
    expect(native(kvm, kvmPitState2, state).channels[0]).toMatchObject({ count: 65536, count_load_time: clock - 1234n })
  })

  it('the initialisation of a PIC counts from 1', () => {
    const state = { ...base, picMaster: { ...base.picMaster, initState: 3, expectIcw4: true, priorityAdd: 5 } }
    expect(native(xen, hvmHwVpic, state).init).toEqual({ init_state: 2 | 4, priority_add: 5 })
    expect(native(xen, hvmHwVpic, state).modes.is_master).toBe(1)
    expect(native(xen, hvmHwVpic, state, 1).modes.is_master).toBe(0)
  })

  it('the time of day is an offset for Xen, and a base with an offset for KVM', () => {
    const capturedAtNs = 1_700_000_000_000_000_000n
    const state = { ...base, capturedAtNs, rtc: { ...base.rtc, timeMs: 1_700_003_600_250n, periodicInNs: -1n } }
    expect(native(xen, hvmHwRtc, state).rtc_offset).toBe(3600n)
    expect(native(kvm, mc146818rtc, state)).toMatchObject({
      base_rtc: 1_700_003_600n,
      last_update: capturedAtNs,
      offset: 250_000_000n,
      next_periodic_time: -1n,
    })
  })

  it('a machine without a local APIC has a disabled one for Xen', () => {
    const { lapic: _none, ...rest } = base
    expect(native(xen, hvmHwLapic, rest)).toMatchObject({ disabled: 3, apic_base_msr: base.cpu.apicBase })
    expect(xen.pack(rest).some((r) => r.name === 'hvm_hw_lapic_regs')).toBe(false)
    expect(xen.unpack(xen.pack(rest)).lapic).toBeUndefined()
  })

  it('an asserted INTx is a wire of Xen, through a link of the PIIX3', () => {
    const bridge = new Uint8Array(256)
    bridge.set([0x86, 0x80, 0x00, 0x70])
    bridge.set([10, 11, 0x80, 5], 0x60)
    const card = new Uint8Array(256)
    card[0x3d] = 1
    const functions = base.pci.functions.map((f) => ({ ...f, devfn: 0, intx: false }))
    functions[0] = { devfn: 8, config: bridge, intx: false }
    functions[1] = { devfn: 5 << 3, config: card, intx: true }
    const state = { ...base, pci: { address: 0, count: 2, functions } }
    expect([...native(xen, hvmHwPciLink, state).route]).toEqual([10, 11, 0, 5])
    expect([...native(xen, hvmHwPciIrqs, state).i.subarray(0, 4)]).toEqual([0, 0, 1 << 4, 0])
  })

  it('a DMA channel of words is in bytes for QEMU', () => {
    const channels = base.dma.channels.map((c) => ({ ...c, address: 0x1234, count: 0x10, countInit: 0x20 }))
    const state = { ...base, dma: { ...base.dma, channels } }
    expect(native(kvm, dma, state, 0).regs[1]?.now).toEqual([0x1234, 0x10])
    expect(native(kvm, dma, state, 1).regs[1]?.now).toEqual([0x2468, 0x20])
  })
})

describe('an inspected record', () => {
  it.each([
    { hv: xen, state: base },
    { hv: kvm, state: base },
    { hv: qemu, state: sampleQemuState() },
  ])('shows every byte of $hv.kind that is no padding, once, in order', ({ hv, state }) => {
    for (const record of hv.pack(state)) {
      let end = 0
      for (const f of inspectRecord(hv, record)) {
        expect(f.offset, `${record.name}.${f.path}`).toBeGreaterThanOrEqual(
          f.type.startsWith('bits') ? end - f.bytes : end,
        )
        end = f.offset + f.bytes
      }
      expect(end).toBeLessThanOrEqual(record.bytes.length)
    }
  })

  it('unfolds structs, arrays, bit-fields and the union of an irqchip', () => {
    const paths = (hv: Hypervisor, name: string): string[] => {
      const record = hv.pack(base).find((r) => r.name === name)
      return record === undefined ? [] : inspectRecord(hv, record).map((f) => f.path)
    }
    expect(paths(kvm, 'kvm_sregs2')).toContain('cs.base')
    expect(paths(kvm, 'kvm_pit_state2')).toContain('channels[2].count_load_time')
    expect(paths(kvm, 'kvm_irqchip')).toContain('chip.pic.last_irr')
    expect(paths(xen, 'hvm_hw_vpic')).toEqual(expect.arrayContaining(['init_state', 'priority_add', 'is_master']))
    expect(paths(xen, 'hvm_hw_cpu')).toEqual(expect.arrayContaining(['fpu_regs.st[7]', 'pending_valid', 'pad0']))
  })
})
