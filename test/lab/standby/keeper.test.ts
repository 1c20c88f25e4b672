import { expect, test } from 'vitest'
import { writtenPages } from '../../../engine/lab/standby/wanted.ts'
import { createLabOs, memoryUse, move, openLab, XEN_AND_KVM } from '../lab-fixture.ts'

const readyHosts = (service: Awaited<ReturnType<typeof openLab>>) =>
  [...service.lab.hosts.values()].filter(({ standby }) => standby.ready !== null).map(({ name }) => name)

test('a lab without guests holds no machine; with one, every host does, and none counts as a guest or as its memory', async () => {
  const service = await openLab(XEN_AND_KVM, [], true)
  await service.lab.standby.settled()
  expect(readyHosts(service)).toEqual([])
  const { id } = await createLabOs(service)
  const before = await memoryUse(service)
  await service.lab.standby.settled()
  expect(readyHosts(service)).toEqual(['xen', 'kvm'])
  expect(await memoryUse(service)).toEqual(before)
  expect(await service.call('guests.list', {})).toHaveLength(1)
  await service.call('guests.destroy', { guest: id })
  await service.lab.standby.settled()
  expect(readyHosts(service)).toEqual([])
})

test('guests cross into machines that lay ready, with every page the same, and new ones take their place', async () => {
  const service = await openLab(XEN_AND_KVM, [], true)
  const { id } = await createLabOs(service, { workload: 'dirty:500' })
  for (const to of ['kvm', 'xen', 'kvm']) {
    await service.lab.standby.settled()
    expect(readyHosts(service)).toContain(to)
    const report = await move(service, { guest: id, to, verify_ram: true })
    expect(report).toMatchObject({ outcome: 'completed', guest_check: 'ok' })
  }
})

test('a host without room holds none', async () => {
  const small = [
    { name: 'xen', kind: 'xen' as const },
    { name: 'kvm', kind: 'kvm' as const, memory_MB: 16 },
  ]
  const service = await openLab(small, [], true)
  await createLabOs(service, { ram_MB: 32 })
  await service.lab.standby.settled()
  expect(readyHosts(service)).toEqual(['xen'])
})

test('while something is under way no machine is made ready; afterwards it is', async () => {
  const service = await openLab(XEN_AND_KVM, [], true)
  const release = service.lab.standby.hold()
  await createLabOs(service)
  await service.lab.standby.settled()
  expect(readyHosts(service)).toEqual([])
  release()
  await service.lab.standby.settled()
  expect(readyHosts(service)).toHaveLength(2)
})

test('the written pages are all but those never written', () => {
  expect([...writtenPages(Uint32Array.of(0, 2, 9), 5)]).toEqual([1, 3, 4])
})
