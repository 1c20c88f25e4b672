import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kvm } from '../../engine/hypervisors/kvm/kvm.ts'
import { deviceOffset, fromCommon, toCommon } from '../../engine/hypervisors/translate.ts'
import { qemu } from '../../engine/hypervisors/qemu/qemu.ts'
import { xen } from '../../engine/hypervisors/xen/xen.ts'
import { fromHvmContext, toHvmContext } from '../../engine/hypervisors/xen/hvm.ts'
import type { Hypervisor } from '../../engine/hypervisors/hypervisor.ts'
import { decodeState } from '../../engine/vmstate/codec.ts'
import { readContainer } from '../../engine/vmstate/container.ts'
import { SECTIONS } from '../../engine/vmstate/state.ts'
import { arbitraryState, sampleState } from '../vmstate/arbitrary-state.ts'
import { expectSame, without } from '../vmstate/compare.ts'
import { qemuState } from './qemu/qemu-state.ts'

const RUNS = { numRuns: 100 }

/** Each kind with the states that its machine can be in. */
const KINDS = [
  { kind: 'xen', hypervisor: xen, states: arbitraryState },
  { kind: 'kvm', hypervisor: kvm, states: arbitraryState },
  { kind: 'qemu', hypervisor: qemu, states: qemuState },
]

describe.each(KINDS)('the $kind form', ({ hypervisor, states }) => {
  it('gives back every field but those on its list', () => {
    fc.assert(
      fc.property(states, (state) => {
        const again = { ...hypervisor.unpack(hypervisor.pack(state)), capturedAtNs: state.capturedAtNs }
        const { notRepresentable } = hypervisor
        expectSame(without(again, notRepresentable), without(state, notRepresentable))
      }),
      RUNS,
    )
  })

  it('does not change the state that it packs', () => {
    fc.assert(
      fc.property(states, (state) => {
        const before = structuredClone(state)
        hypervisor.pack(state)
        expectSame(state, before)
      }),
      { numRuns: 20 },
    )
  })

  it('names every record after one of its layouts', () => {
    fc.assert(
      fc.property(states, (state) => {
        for (const { name, bytes } of hypervisor.pack(state)) {
          expect(hypervisor.layouts.find((l) => l.name === name)?.bytes).toBe(bytes.length)
        }
      }),
      { numRuns: 20 },
    )
  })
})

describe('a state on its way', () => {
  it('arrives unchanged over any sequence of hosts', () => {
    fc.assert(
      fc.property(
        qemuState,
        fc.array(fc.constantFrom<Hypervisor>(xen, kvm, qemu), { minLength: 2, maxLength: 5 }),
        (state, hosts) => {
          let current = structuredClone(state)
          for (const [i, target] of hosts.entries()) {
            const source = hosts[i - 1]
            if (source !== undefined) current = fromCommon(target, toCommon(source, current).bytes).state
          }
          expectSame(current, state)
        },
      ),
      RUNS,
    )
  })

  it.each(KINDS)(
    'carries in the sections what the records of $kind tell, and the rest as extensions',
    ({ hypervisor, states }) => {
      fc.assert(
        fc.property(states, (state) => {
          const { native, bytes } = toCommon(hypervisor, state)
          const wire = decodeState(bytes)
          expectSame(wire.state, { ...hypervisor.unpack(native), capturedAtNs: state.capturedAtNs })
          const present = hypervisor.notRepresentable.filter((n) => state[n.section] !== undefined)
          expectSame(
            wire.extensions.map(({ section, path }) => `${section}.${path}`),
            present.map(({ section, path }) => `${section}.${path}`),
          )
        }),
        { numRuns: 30 },
      )
    },
  )

  it('goes through the native records on both sides', () => {
    const state = sampleState()
    /** A hypervisor that counts in EAX how often its records were read. */
    const counting: Hypervisor = {
      ...kvm,
      unpack(records) {
        const told = kvm.unpack(records)
        return { ...told, cpu: { ...told.cpu, eax: told.cpu.eax + 1 } }
      },
    }
    const start = { ...state, cpu: { ...state.cpu, eax: 0 } }
    const { bytes } = toCommon(counting, start)
    expect(decodeState(bytes).state.cpu.eax).toBe(1)
    expect(fromCommon(counting, bytes).state.cpu.eax).toBe(2)
  })

  it('leaves the instant of the capture to the clock of KVM, and to the container for Xen', () => {
    fc.assert(
      fc.property(arbitraryState, (state) => {
        expect(kvm.unpack(kvm.pack(state)).capturedAtNs).toBe(state.capturedAtNs)
        expect(xen.unpack(xen.pack(state)).capturedAtNs).toBe(0n)
      }),
      { numRuns: 10 },
    )
  })
})

describe('the HVM context', () => {
  it('is the Xen records behind their descriptors, and can be taken apart again', () => {
    fc.assert(
      fc.property(arbitraryState, (state) => {
        const records = xen.pack(state)
        const end = records.findIndex((r) => r.name === 'hvm_save_end')
        expectSame(fromHvmContext(toHvmContext(records)), records.slice(0, end + 1))
      }),
      { numRuns: 20 },
    )
  })
})

it('the container is cut so that the vCPU travels apart from the devices, and nothing is lost', () => {
  for (const hypervisor of [xen, kvm]) {
    const { bytes } = toCommon(hypervisor, sampleState(7))
    const cut = deviceOffset(bytes)
    const sections = readContainer(bytes).sections
    const before = [...sections.slice(0, 3)].reduce((sum, { body }) => sum + 16 + body.length, 32)
    expect(sections.slice(0, 3).map(({ id }) => id)).toEqual([SECTIONS.cpu.id, SECTIONS.fpu.id, SECTIONS.events.id])
    expect(cut).toBe(before)
  }
})
