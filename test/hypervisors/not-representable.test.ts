import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import { kvm } from '../../engine/hypervisors/kvm/kvm.ts'
import { qemu } from '../../engine/hypervisors/qemu/qemu.ts'
import { xen } from '../../engine/hypervisors/xen/xen.ts'
import { extensionsOf } from '../../engine/vmstate/extensions.ts'
import { arbitraryState } from '../vmstate/arbitrary-state.ts'
import { qemuState } from './qemu/qemu-state.ts'

const samples = (from: typeof arbitraryState) => fc.sample(from, { numRuns: 60, seed: 5 })
const KINDS = [
  { kind: 'xen', hypervisor: xen, states: samples(arbitraryState) },
  { kind: 'kvm', hypervisor: kvm, states: samples(arbitraryState) },
  { kind: 'qemu', hypervisor: qemu, states: samples(qemuState) },
]

describe.each(KINDS)('the list of what $kind cannot hold', ({ hypervisor, states }) => {
  it.each(hypervisor.notRepresentable)('has $section.$path rightly: it is lost', ({ section, path }) => {
    const lost = states.some((state) => {
      const entry = [{ section, path }]
      return !isDeepStrictEqual(
        extensionsOf(state, entry),
        extensionsOf(hypervisor.unpack(hypervisor.pack(state)), entry),
      )
    })
    expect(lost).toBe(true)
  })

  it('names each field once, with a reason in a sentence', () => {
    const names = hypervisor.notRepresentable.map((n) => `${n.section}.${n.path}`)
    expect(new Set(names).size).toBe(names.length)
    for (const { reason } of hypervisor.notRepresentable) expect(reason).toMatch(/^\p{Lu}.*\.$/u)
  })
})

it('Xen loses what KVM holds: halt, interrupt shadow, edge detection, load times, CMOS', () => {
  const kvmList = new Set(kvm.notRepresentable.map((n) => `${n.section}.${n.path}`))
  const only = xen.notRepresentable.map((n) => `${n.section}.${n.path}`).filter((name) => !kvmList.has(name))
  expect(only).toEqual([
    'cpu.pdpte',
    'events.halted',
    'events.interruptShadow',
    'events.nmiMasked',
    'picMaster.lastIrr',
    'picSlave.lastIrr',
    'pit.channels.*.sinceStartNs',
    'rtc.cmos[14..127]',
    'rtc.timeMs',
    'rtc.periodicInNs',
    'rtc.alarmInNs',
    'rtc.updateInNs',
    'ioapic.irr',
  ])
})
