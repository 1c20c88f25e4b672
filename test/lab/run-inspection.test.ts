/** What front ends may ask about a run, while it is under way and afterwards. */
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { METHODS } from '../../engine/contract/lab.ts'
import type { MessageView } from '../../engine/contract/messages.ts'
import { RunMessages } from '../../engine/lab/run-messages.ts'
import { createLabOs, move, openLab, XEN_AND_KVM } from './lab-fixture.ts'

const input = (guest: string) => ({ guest, to: 'kvm', link: '100M', probe_ms: 0, verify_ram: true })

test('a message is taken apart, the same while the run is under way and once it is stored', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service, { workload: 'dirty:500' })
  const { run_id } = await service.call('migrations.start', input(guest.id))
  const soFar = () => service.call('runs.messages', { run_id })
  while ((await soFar()).messages.length <= 5) await sleep(20)
  const early = await soFar()
  const live = await Promise.all(early.messages.map((_, index) => service.call('runs.message', { run_id, index })))
  const report = await service.call('migrations.wait', { run_id })
  expect(report.outcome).toBe('completed')
  for (const details of live) {
    expect(v.parse(METHODS['runs.message'].output, details)).toEqual(
      await service.call('runs.message', { run_id, index: details.index }),
    )
  }
  const { messages } = await service.call('runs.details', { run_id })
  expect(await service.call('runs.messages', { run_id })).toEqual({ first: 0, messages })
  expect(await service.call('runs.messages', { run_id, from: 7 })).toEqual({ first: 7, messages: messages.slice(7) })
  expect(messages.slice(0, early.messages.length)).toEqual(early.messages)
})

test('of every message the bytes that are kept, those that are not, and its fields agree', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service, { workload: 'dirty:2000' })
  const { run_id, pages_sent } = await move(service, { ...input(guest.id), link: '1G' })
  const { messages } = await service.call('runs.messages', { run_id })
  let pages = 0
  for (const [index, message] of messages.entries()) {
    const details = await service.call('runs.message', { run_id, index })
    const head = Buffer.from(details.head, 'base64')
    const field = (path: string) => details.fields.find((one) => one.path === path)
    expect(details.message).toEqual(message)
    expect(head.length + details.not_kept_B).toBe(message.bytes_B)
    expect(head.subarray(0, 4).toString()).toBe('FRRY')
    expect(field('header.type')?.meaning).toBe(message.type)
    expect(field('header.headerCrc')?.meaning).toContain('right')
    expect(Number(field('header.stage')?.value)).toBe(message.stage)
    if (message.type === 'PAGES') pages += Number(field('zeroCount')?.value) + Number(field('pageCount')?.value)
    if (message.type === 'MIG_REQ') expect(field('session')?.value).toBe(run_id)
    if (message.type === 'CPU_BEG') expect(field('container.magic')).toBeDefined()
  }
  expect(pages).toBe(pages_sent)
})

test('unknown runs and messages are told apart', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const { run_id } = await move(service, { guest: guest.id, to: 'kvm', probe_ms: 0, check: false })
  const unknown = service.call('runs.message', { run_id: 'none', index: 0 })
  await expect(unknown).rejects.toMatchObject({ code: 'run.unknown' })
  const beyond = service.call('runs.message', { run_id, index: 100_000 })
  await expect(beyond).rejects.toMatchObject({ code: 'run.no-message' })
})

test('beyond the bound of a run only headers are kept', () => {
  const messages = new RunMessages(1000, 250)
  for (let i = 0; i < 4; i++) {
    const head = new Uint8Array(100).fill(i)
    messages.add({ direction: 'sent', type: 'PAGES', stage: 2, bytes: 9000, atMs: 1000 + i, head })
  }
  expect(messages.kept.map(({ head }) => head?.length)).toEqual([100, 100, 24, 24])
})

test('the places that events tell lead to the messages that they tell', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const told: MessageView[] = []
  service.on('migrations.messages', ({ first, messages }) => {
    expect(first).toBe(told.length)
    told.push(...messages)
  })
  const { run_id } = await move(service, { guest: guest.id, to: 'kvm' })
  expect((await service.call('runs.messages', { run_id })).messages).toEqual(told)
})

test('a migration under way is known to whoever asks, with all that was told of it so far', async () => {
  const service = await openLab([...XEN_AND_KVM, { name: 'third', kind: 'kvm' }])
  const a = await createLabOs(service, { workload: 'dirty:500' })
  const b = await createLabOs(service)
  expect(await service.call('migrations.active', {})).toEqual([])
  const told = { stages: [] as unknown[], rounds: [] as unknown[], notes: [] as string[] }
  const first = await service.call('migrations.start', { ...input(a.id), to: 'third', link: '100M', record: undefined })
  service.on('migrations.progress', ({ run_id, stages, rounds, notes }) => {
    if (run_id !== first.run_id) return
    told.stages.push(...stages)
    told.rounds.push(...rounds)
    told.notes.push(...notes)
  })
  const second = await service.call('migrations.start', input(b.id))
  while ((await service.call('migrations.active', {}))[0]?.progress === null) await sleep(20)
  const active = v.parse(METHODS['migrations.active'].output, await service.call('migrations.active', {}))
  expect(active.map(({ run_id, guest, from, to }) => ({ run_id, guest, from, to }))).toEqual([
    { run_id: first.run_id, guest: a.id, from: 'xen', to: 'third' },
    { run_id: second.run_id, guest: b.id, from: 'xen', to: 'kvm' },
  ])
  expect(active[0]).toMatchObject({ input: { link: '100M', verify_ram: true, check: true }, progress: told })
  expect(active[0].age_ms).toBeGreaterThanOrEqual(active[1].age_ms)
  await Promise.all([first, second].map((run) => service.call('migrations.wait', run)))
  expect(await service.call('migrations.active', {})).toEqual([])
})

test('the path of a recording is not told to others', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const { run_id } = await service.call('migrations.start', { ...input(guest.id), record: '/dev/null' })
  const [active] = await service.call('migrations.active', {})
  expect(active.run_id).toBe(run_id)
  expect(JSON.stringify(active)).not.toContain('/dev/null')
  await service.call('migrations.wait', { run_id })
})

test('workloads come with their parameters: what is within their bounds is taken, what is not is refused', async () => {
  const service = await openLab(XEN_AND_KVM)
  const images = v.parse(METHODS['images.list'].output, await service.call('images.list', {}))
  const labos = images.find(({ name }) => name === 'labos')
  const dirty = labos?.workloads.find(({ name }) => name === 'dirty')
  expect(dirty?.parameters.map(({ name, kind }) => [name, kind])).toEqual([
    ['rate', 'number'],
    ['megabytes', 'number'],
    ['pattern', 'choice'],
  ])
  const guest = await createLabOs(service)
  const defaults = dirty?.parameters.map((parameter) => String(parameter.default)) ?? []
  const start = (values: readonly string[]) =>
    service.call('guests.workload', { guest: guest.id, workload: `dirty:${values.join(',')}` })
  expect((await start(defaults)).workload).toBe(`dirty:${defaults.join(',')}`)
  for (const [i, parameter] of (dirty?.parameters ?? []).entries()) {
    const wrong = parameter.kind === 'number' ? String(parameter.maximum + 1) : 'none'
    await expect(start(defaults.with(i, wrong))).rejects.toMatchObject({ code: 'workload.parameter' })
  }
})

test('notes come with the list, are searched, and stand in the export', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const moved = { guest: guest.id, probe_ms: 0, check: false }
  const there = await move(service, { ...moved, to: 'kvm' })
  const back = await move(service, { ...moved, to: 'xen', algorithms: ['stop-and-copy'] })
  const noted: unknown[] = []
  service.on('runs.noted', (event) => noted.push(event))
  await service.call('runs.note', { run_id: back.run_id, text: 'Ärger mit dem Netz' })
  expect(noted).toEqual([{ run_id: back.run_id, note: 'Ärger mit dem Netz' }])
  const list = v.parse(METHODS['runs.list'].output, await service.call('runs.list', {}))
  expect(list.map(({ run_id, note }) => [run_id, note])).toEqual([
    [back.run_id, 'Ärger mit dem Netz'],
    [there.run_id, null],
  ])
  for (const filter of [
    { text: 'ärger NETZ' },
    { algorithm: 'stop-and-copy' },
    { from_kind: 'kvm' as const, to_kind: 'xen' as const },
  ]) {
    expect((await service.call('runs.list', filter)).map(({ run_id }) => run_id)).toEqual([back.run_id])
    const { csv, runs } = await service.call('runs.export', { what: 'runs', filter })
    expect(runs).toBe(1)
    expect(csv).toContain(back.run_id)
    expect(csv).toContain('Ärger mit dem Netz')
  }
})
