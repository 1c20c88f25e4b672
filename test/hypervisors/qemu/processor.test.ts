/** What QEMU's processor needs of a state, each for a guest that died or went wrong without it. */
import { describe, expect, it } from 'vitest'
import type { NativeRecord } from '../../../engine/hypervisors/hypervisor.ts'
import { cpuCommon, cpuException, cpuState } from '../../../engine/hypervisors/qemu/cpu-record.ts'
import { pageDirectoryPointers, withPageDirectoryPointers } from '../../../engine/hypervisors/qemu/loose-ends.ts'
import { qemu } from '../../../engine/hypervisors/qemu/qemu.ts'
import type { MachineState } from '../../../engine/vmstate/state.ts'
import { atRest, packed, codeOf } from './at-rest.ts'

describe('the processor', () => {
  const flags = (changes: Partial<MachineState['cpu']>): number => {
    const state = atRest()
    const flat = { selector: 8, access: 0xc93, unusable: false, limit: 0xffffffff, base: 0 }
    const cpu = { ...state.cpu, cr0: 0x11, cr4: 0, es: flat, cs: flat, ss: flat, ds: flat, cpl: 0, ...changes }
    return packed({ ...state, events: { ...state.events, interruptShadow: 0 }, cpu }, cpuState).hflags
  }
  const CS32 = 1 << 4
  const SS32 = 1 << 5
  const ADDSEG = 1 << 6
  const PE = 1 << 7

  it('has the flags that QEMU derives when registers change, not when they are loaded', () => {
    expect(flags({})).toBe(CS32 | SS32 | PE)
    expect(flags({ cpl: 3 })).toBe(CS32 | SS32 | PE | 3)
    expect(flags({ cr0: 0x1f })).toBe(CS32 | SS32 | PE | (7 << 9))
    expect(flags({ cr4: 0x200 })).toBe(CS32 | SS32 | PE | (1 << 22))
    const based = { selector: 8, access: 0xc93, unusable: false, limit: 0xffff, base: 0x1000 }
    expect(flags({ ds: based })).toBe(CS32 | SS32 | ADDSEG | PE)
    expect(flags({ cs: { ...based, access: 0x9b } })).toBe(SS32 | ADDSEG | PE)
    expect(flags({ cr0: 0x10 })).toBe(CS32 | SS32 | ADDSEG)
    expect(flags({ eflags: 0x20202, cpl: 3 }) & (ADDSEG | 3)).toBe(ADDSEG | 3)
  })

  it('has a task register that is not busy, for QEMU aborts at a busy one; ours is', () => {
    const state = atRest()
    const tr = { selector: 0x18, access: 0x8b, unusable: false, limit: 103, base: 0x1000 }
    const busy = { ...state, cpu: { ...state.cpu, tr } }
    expect(packed(busy, cpuState).tr.flags).toBe(0x8900)
    expect(qemu.unpack(qemu.pack(busy)).cpu.tr).toEqual(tr)
  })

  it('has its FPU registers by number, not from the top of the stack', () => {
    const state = atRest()
    const st = Array.from({ length: 8 }, (_, i) => Uint8Array.of(i, 0, 0, 0, 0, 0, 0, 0, 0xff, 0x3f))
    const { fpregs } = packed({ ...state, fpu: { ...state.fpu, st, fsw: 3 << 11 } }, cpuState)
    expect(fpregs.map(({ mantissa }) => Number(mantissa))).toEqual([5, 6, 7, 0, 1, 2, 3, 4])
    expect(fpregs[0]?.exponent).toBe(0x3fff)
  })

  it('is told that the PIC asks for an interrupt: QEMU does not ask it again', () => {
    const state = atRest()
    expect(packed(state, cpuCommon).interrupt_request & 2).toBe(0)
    const asks = (master: number, slave: number, changes: Partial<MachineState['picMaster']> = {}): number =>
      packed(
        {
          ...state,
          picMaster: { ...state.picMaster, irr: master, ...changes },
          picSlave: { ...state.picSlave, irr: slave },
        },
        cpuCommon,
      ).interrupt_request & 2
    expect(asks(0x02, 0)).toBe(2)
    expect(asks(0x02, 0, { imr: 0x02 })).toBe(0)
    expect(asks(0x02, 0, { isr: 0x01 })).toBe(0)
    expect(asks(0x02, 0, { isr: 0x80 })).toBe(2)
    expect(asks(0, 0x10)).toBe(2)
  })

  it('with an exception half delivered is refused; the reason why its loop ended is none', () => {
    const exception = (index: number): NativeRecord[] => [
      ...qemu.pack(atRest()),
      { name: cpuException.name, instance: 0, bytes: cpuException.encode({ exception_index: index }) },
    ]
    expect(codeOf(() => qemu.unpack(exception(14)))).toBe('native.pending-event')
    expect(codeOf(() => qemu.unpack(exception(0x10001)))).toBe('none')
  })

  it('with PAE gets its page-directory pointers from memory', () => {
    const state = atRest()
    expect(pageDirectoryPointers({ ...state, cpu: { ...state.cpu, cr0: 0x80000011, cr4: 0x20, cr3: 0x1fe7 } })).toBe(
      0x1fe0,
    )
    expect(pageDirectoryPointers({ ...state, cpu: { ...state.cpu, cr0: 0x80000011, cr4: 0 } })).toBeNull()
    const bytes = new Uint8Array(32)
    bytes.set([1, 0x20], 8)
    expect(withPageDirectoryPointers(state, bytes).cpu.pdpte).toEqual([0n, 0x2001n, 0n, 0n])
  })
})
