import { describe, expect, test } from 'vitest'
import { METHODS } from '../../engine/contract/lab.ts'
import { createLabOs, move, openLab, viewOf, XEN_AND_KVM } from './lab-fixture.ts'

describe('every input is checked before anything happens', () => {
  test('a wrong type, a missing field and a value out of range are refused by name', async () => {
    const service = await openLab([])
    const wrong = { image: 'labos', host: 'xen', ram_MB: 1 }
    await expect(service.call('guests.create', wrong)).rejects.toMatchObject({
      code: 'lab.input',
      data: { method: 'guests.create', field: 'ram_MB' },
    })
    await expect(service.call('hosts.add', { name: 'Not A Name', kind: 'xen' })).rejects.toMatchObject({
      code: 'lab.input',
      data: { field: 'name' },
    })
  })

  test('unknown guests, hosts, runs, images and workloads are told apart', async () => {
    const service = await openLab(XEN_AND_KVM)
    const codes = async (call: Promise<unknown>) =>
      call.then(
        () => 'no error',
        (error: { code: string }) => error.code,
      )
    expect(await codes(service.call('guests.pause', { guest: 'nobody' }))).toBe('guest.unknown')
    expect(await codes(service.call('guests.create', { image: 'labos', host: 'mars' }))).toBe('host.unknown')
    expect(await codes(service.call('guests.create', { image: 'nothing', host: 'xen' }))).toMatch(/^image\./)
    expect(await codes(service.call('runs.get', { run_id: 'no-such-run' }))).toBe('run.unknown')
    expect(await codes(createLabOs(service, { workload: 'juggle' }))).toBe('workload.unknown')
    expect(await codes(createLabOs(service, { workload: 'dirty:many' }))).toBe('workload.parameter')
  })
})

test('results keep to the schemas of the contract', async () => {
  const service = await openLab(XEN_AND_KVM)
  const { parse } = await import('valibot')
  const guest = await createLabOs(service)
  parse(METHODS['guests.create'].output, guest)
  parse(METHODS['hosts.list'].output, await service.call('hosts.list', {}))
  parse(METHODS['images.list'].output, await service.call('images.list', {}))
  parse(METHODS['migrations.wait'].output, await move(service, { guest: guest.id, to: 'kvm' }))
})

test('a guest that could not be created leaves nothing behind', async () => {
  const service = await openLab(XEN_AND_KVM)
  await expect(createLabOs(service, { workload: 'juggle' })).rejects.toThrow()
  expect(await service.call('guests.list', {})).toEqual([])
  expect((await service.call('hosts.list', {})).map(({ memory_used_B }) => memory_used_B)).toEqual([0, 0])
  expect(service.lab.host('xen').bridge.vifs).toEqual([])
})

test('a paused guest stands still, goes on, and cannot be moved meanwhile', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service, { heartbeat_ms: 5 })
  await service.call('guests.pause', { guest: guest.id })
  const before = await service.lab.guest(guest.id).residence.machine.instructions()
  await expect(service.call('migrations.start', { guest: guest.id, to: 'kvm' })).rejects.toMatchObject({
    code: 'guest.not-running',
  })
  expect(await service.lab.guest(guest.id).residence.machine.instructions()).toBe(before)
  await service.call('guests.resume', { guest: guest.id })
  expect((await viewOf(service, guest.id))?.state).toBe('running')
  expect(await service.call('guests.check', { guest: guest.id })).toMatchObject({ ok: true })
})

test('a guest that migrates cannot be paused, destroyed or moved a second time', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const { run_id } = await service.call('migrations.start', { guest: guest.id, to: 'kvm', link: '100M' })
  await expect(service.call('guests.pause', { guest: guest.id })).rejects.toMatchObject({ code: 'guest.migrating' })
  await expect(service.call('guests.destroy', { guest: guest.id })).rejects.toMatchObject({ code: 'guest.migrating' })
  await expect(service.call('migrations.start', { guest: guest.id, to: 'kvm' })).rejects.toMatchObject({
    code: 'guest.not-running',
  })
  expect((await service.call('migrations.wait', { run_id })).outcome).toBe('completed')
})

test('a host with guests cannot be removed; several guests share a host', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guests = [await createLabOs(service), await createLabOs(service), await createLabOs(service)]
  expect(new Set(guests.map(({ ip }) => ip)).size).toBe(3)
  expect(new Set(guests.map(({ mac }) => mac)).size).toBe(3)
  for (const { ip } of guests) expect(await service.lab.client.ping(ip)).toBeGreaterThan(0)
  await expect(service.call('hosts.remove', { name: 'xen' })).rejects.toMatchObject({ code: 'host.in-use' })
  for (const { id } of guests) await service.call('guests.destroy', { guest: id })
  await service.call('hosts.remove', { name: 'xen' })
})

test('every run is stored with its messages, rounds and provenance', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const report = await move(service, { guest: guest.id, to: 'kvm' })
  const stored = service.lab.store.get(report.run_id)
  expect(stored?.report).toEqual(report)
  const types = stored?.messages.map(({ type }) => type) ?? []
  for (const type of ['MIG_REQ', 'REQ_OK', 'MIG_CFG', 'CFG_OK', 'MEM_BEG', 'CPU_BEG', 'DEV_BEG', 'READY', 'RUNNING']) {
    expect(types).toContain(type)
  }
  expect(stored?.provenance.images).toHaveProperty('kernel')
  expect(await service.call('runs.list', {})).toEqual([report])
})

test('a run is reported even where the store cannot take it, and the user is told', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const notes: string[] = []
  Object.assign(service.lab, { note: (line: string) => notes.push(line) })
  service.lab.store.close()
  const report = await move(service, { guest: guest.id, to: 'kvm' }).catch((error: unknown) => error)
  expect(report).toMatchObject({ outcome: 'completed' })
  expect(notes.join()).toContain('could not be stored')
})

test('a migration that cannot begin leaves the guest running and movable', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const input = { guest: guest.id, to: 'kvm', algorithms: ['teleport'] }
  await expect(service.call('migrations.start', input)).rejects.toMatchObject({ code: 'algorithm.unknown' })
  expect((await viewOf(service, guest.id))?.state).toBe('running')
  expect((await move(service, { guest: guest.id, to: 'kvm' })).outcome).toBe('completed')
})
