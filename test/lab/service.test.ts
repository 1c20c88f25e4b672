import * as v from 'valibot'
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
  const guest = await createLabOs(service)
  const report = await move(service, { guest: guest.id, to: 'kvm' })
  const of = { guest: guest.id }
  const run = { run_id: report.run_id }
  v.parse(METHODS['guests.create'].output, guest)
  v.parse(METHODS['migrations.wait'].output, report)
  v.parse(METHODS['hosts.list'].output, await service.call('hosts.list', {}))
  v.parse(METHODS['images.list'].output, await service.call('images.list', {}))
  v.parse(METHODS['algorithms.list'].output, await service.call('algorithms.list', {}))
  v.parse(METHODS['links.list'].output, await service.call('links.list', {}))
  v.parse(METHODS['guests.console'].output, await service.call('guests.console', of))
  v.parse(METHODS['runs.details'].output, await service.call('runs.details', run))
})

test('the screen is told as text or as pixels', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const text = v.parse(METHODS['guests.screen'].output, await service.call('guests.screen', { guest: guest.id }))
  expect(text.kind === 'text' && text.lines.join()).toContain('LabOS')
  await service.lab.guest(guest.id).console.command('gfx on', /OK gfx/)
  const picture = v.parse(METHODS['guests.screen'].output, await service.call('guests.screen', { guest: guest.id }))
  expect(picture).toMatchObject({ kind: 'graphics', width: 320, height: 200 })
})

test('an inspector sees one state in two native forms and in the common format', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  await service.call('guests.pause', { guest: guest.id })
  const state = v.parse(
    METHODS['guests.state'].output,
    await service.call('guests.state', { guest: guest.id, as: 'kvm' }),
  )
  const field = (records: typeof state.common, record: string, path: string) =>
    records.find(({ name }) => name === record)?.fields.find((one) => one.path === path)?.value
  const cr3 = field(state.common, 'cpu', 'cr3')
  expect(BigInt(cr3 ?? 0)).toBeGreaterThan(0n)
  expect(BigInt(field(state.source.records, 'hvm_hw_cpu', 'cr3') ?? 0)).toBe(BigInt(cr3 ?? 1))
  expect(BigInt(field(state.target.records, 'kvm_sregs2', 'cr3') ?? 0)).toBe(BigInt(cr3 ?? 1))
  expect(state.not_representable.map(({ kind }) => kind)).toContain('xen')
  const memory = v.parse(METHODS['guests.memory'].output, await service.call('guests.memory', { guest: guest.id }))
  expect(memory).toMatchObject({ kind: 'xen', mode: 'direct', pages: 4096 })
})

test('messages, probes, stages and rounds are told while a guest moves, all of them', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const told = { messages: 0, stages: new Set<number>(), rounds: 0, probes: new Set<number>() }
  service.on('migrations.messages', ({ messages }) => (told.messages += messages.length))
  service.on('migrations.probes', ({ probes }) => probes.forEach(({ seq }) => told.probes.add(seq)))
  service.on('migrations.progress', ({ stages, rounds }) => {
    stages.forEach(({ number }) => told.stages.add(number))
    told.rounds += rounds.length
  })
  const report = await move(service, { guest: guest.id, to: 'kvm' })
  const { messages, probes } = await service.call('runs.details', { run_id: report.run_id })
  expect(told.messages).toBe(messages.length)
  expect(told.probes.size).toBe(probes.length)
  expect(told.rounds).toBe(report.rounds.length)
  expect([...told.stages].sort()).toEqual([0, 1, 2, 3, 4, 5])
})

test('runs are annotated, removed, brought back and exported', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const { run_id } = await move(service, { guest: guest.id, to: 'kvm' })
  await service.call('runs.note', { run_id, text: 'first try' })
  expect((await service.call('runs.details', { run_id })).note).toBe('first try')
  const exported = await service.call('runs.export', { what: 'runs' })
  expect(exported.runs).toBe(1)
  expect(exported.csv.split('\r\n')[0]).toContain('downtime_ms')
  await service.call('runs.remove', { run_id })
  expect(await service.call('runs.list', {})).toEqual([])
  await service.call('runs.restore', { run_id })
  expect((await service.call('runs.list', {})).map((run) => run.run_id)).toEqual([run_id])
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
  expect(await service.call('runs.list', {})).toEqual([{ ...report, note: null }])
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
