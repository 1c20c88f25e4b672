/** The exercises, done as a student does them, in a real lab: nothing is left to do at their end. */
import { expect, test } from 'vitest'
import type { MigrateInput } from '../../../engine/contract/lab.ts'
import type { LabService } from '../../../engine/lab/service.ts'
import { sleep } from '../../../engine/util/clock.ts'
import { createLabOs, move, openLab, XEN_AND_KVM } from '../lab-fixture.ts'

const student = 'Ada'
const SMALL = { name: 'small', kind: 'xen', memory_MB: 16 } as const

async function begin(service: LabService, exercise: string): Promise<() => Promise<Record<string, string>>> {
  await service.call('guide.open', { student, exercise })
  return async () => {
    const { checks } = await service.call('guide.progress', { student, exercise })
    return Object.fromEntries(checks.filter(({ passed }) => !passed).map(({ id, detail }) => [id, detail]))
  }
}

/** Migrates to the one host, then to the other, by turns. */
function mover(service: LabService, guest: string, fixed: Partial<MigrateInput> = {}) {
  return (to: string, algorithm: string, more: Partial<MigrateInput> = {}) =>
    move(service, { guest, to, algorithms: [algorithm], ...fixed, ...more })
}

test('through the common format', async () => {
  const service = await openLab(XEN_AND_KVM)
  const left = await begin(service, 'common-format')
  const guest = (await createLabOs(service, { workload: 'dirty:500' })).id
  await service.call('guests.state', { guest, as: 'kvm' })
  await service.call('guests.pause', { guest })
  await left()
  await service.call('guests.resume', { guest })
  await service.call('guests.memory', { guest })
  const go = mover(service, guest, { verify_ram: true })
  await go('kvm', 'pre-copy')
  await go('xen', 'pre-copy')
  expect(await left()).toEqual({})
})

test('stages and protocol', async () => {
  const service = await openLab([...XEN_AND_KVM, SMALL])
  const left = await begin(service, 'protocol')
  const guest = (await createLabOs(service, { workload: 'dirty:500' })).id
  const go = mover(service, guest, { link: '100M' })
  const { run_id } = await go('kvm', 'pre-copy')
  await service.call('runs.message', { run_id, index: 0 })
  await service.call('guests.workload', { guest, workload: 'dirty:20000' })
  await go('xen', 'pre-copy')
  await go('small', 'pre-copy')
  expect(await left()).toEqual({})
})

test('the working set against the bandwidth', async () => {
  const service = await openLab(XEN_AND_KVM)
  const left = await begin(service, 'working-set')
  const guest = (await createLabOs(service, { ram_MB: 64, workload: 'dirty:500' })).id
  const go = mover(service, guest, { link: '100M' })
  await go('kvm', 'pre-copy')
  await service.call('guests.workload', { guest, workload: 'dirty:20000' })
  await go('xen', 'pre-copy')
  await go('kvm', 'pull-copy', { predict: true })
  expect(await left()).toEqual({})
})

test('no retransmission', async () => {
  const service = await openLab(XEN_AND_KVM)
  const left = await begin(service, 'no-retransmission')
  const guest = (await createLabOs(service, { workload: 'dirty:2000' })).id
  const go = mover(service, guest, { link: '1G' })
  await go('kvm', 'pre-copy')
  await go('xen', 'stop-and-copy')
  await go('kvm', 'single-pass')
  expect(await left()).toEqual({})
})

test('break it: the link cut in every stage', async () => {
  const service = await openLab([...XEN_AND_KVM, SMALL])
  const left = await begin(service, 'break-it')
  const guest = (await createLabOs(service, { workload: 'dirty:500', heartbeat_ms: 100 })).id
  const go = mover(service, guest)
  const { run_id } = await service.call('migrations.start', { guest, to: 'kvm', link: '10M' })
  await expect.poll(async () => (await service.call('migrations.active', {}))[0]?.progress?.stage).toBe(2)
  await service.call('migrations.cancel', { run_id })
  await service.call('migrations.wait', { run_id })
  for (const cut_in_stage of [0, 1, 2, 3, 4] as const) await go('kvm', 'pre-copy', { cut_in_stage })
  await go('kvm', 'pre-copy', { cut_in_stage: 5 })
  await go('xen', 'pre-copy')
  const pulled = await go('kvm', 'pull-copy', { cut_in_stage: 5, link: '100M' })
  expect(pulled).toMatchObject({ outcome: 'completed', guest_check: 'ok' })
  await go('small', 'pre-copy')
  // What crossed before does not count as crossing afterwards.
  expect(Object.keys(await left())).toEqual(['whole'])
  await go('xen', 'pre-copy')
  expect(await left()).toEqual({})
})

test('quality of service', async () => {
  const service = await openLab(XEN_AND_KVM)
  const left = await begin(service, 'quality-of-service')
  const guest = (await createLabOs(service, { workload: 'dirty:2000' })).id
  await service.call('migrations.predict', { guest, to: 'kvm', link: '100M', measure_ms: 500 })
  await move(service, { guest, to: 'kvm', automatic: true, link: '100M', max_downtime_ms: 50 })
  await service.call('guests.workload', { guest, workload: 'dirty:20000' })
  const { run_id } = await service.call('migrations.start', {
    guest,
    to: 'xen',
    algorithms: ['pre-copy'],
    link: '10M',
  })
  await sleep(2000)
  await service.call('migrations.setTargets', { run_id, max_total_ms: 10_000 })
  await service.call('migrations.wait', { run_id })
  expect(await left()).toEqual({})
})

test('reproduce the paper', async () => {
  const service = await openLab([...XEN_AND_KVM, { name: 'xen-2', kind: 'xen' }])
  const left = await begin(service, 'reproduce')
  const guest = (await createLabOs(service, { workload: 'dirty:2000' })).id
  const go = mover(service, guest, { link: '1G' })
  for (let i = 0; i < 5; i++) {
    for (const to of ['kvm', 'xen', 'xen-2', 'xen']) await go(to, 'pre-copy')
  }
  expect(await left()).toEqual({})
})

test('evacuate a host under load', async () => {
  const service = await openLab(XEN_AND_KVM)
  const left = await begin(service, 'evacuate')
  // An empty lab is no host that was emptied.
  expect(Object.keys(await left())).toEqual(['loaded', 'emptied', 'empty', 'back'])
  const guests: string[] = []
  for (const workload of ['idle', 'dirty:500', 'dirty:4000']) guests.push((await createLabOs(service, { workload })).id)
  await left()
  for (const guest of guests) await mover(service, guest)('kvm', 'pre-copy')
  await left()
  await Promise.all(guests.slice(0, 2).map((guest) => mover(service, guest)('xen', 'pre-copy')))
  await mover(service, guests[2] ?? '')('xen', 'pre-copy')
  expect(await left()).toEqual({})
})
