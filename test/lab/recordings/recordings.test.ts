/** A lab is recorded: whatever it tells and is asked to do is in the file, which outlives whatever happens. */
import { spawn } from 'node:child_process'
import { appendFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { EFFECTS } from '../../../engine/contract/effects.ts'
import type { EventName, LabEvents, MethodInput, MethodName } from '../../../engine/contract/lab.ts'
import type { RecordingStatus } from '../../../engine/contract/recordings.ts'
import type { Sink } from '../../../engine/lab/recordings/file.ts'
import { RECORDED, Recordings } from '../../../engine/lab/recordings/recordings.ts'
import type { LabService } from '../../../engine/lab/service.ts'
import { readRecording } from '../../../engine/recording/read.ts'
import { quickPlan } from '../experiments/plans.ts'
import { createLabOs } from '../lab-fixture.ts'
import { noLab, openRecordedLab, readFrom, temporaryFolder, until } from './recording-lab.ts'

test('every event of the lab is recorded as it was told, and what the window would ask is answered', async () => {
  const { service, record } = await openRecordedLab()
  const { path } = await record({ title: 'A lesson' })
  const told = new Map<EventName, unknown[]>()
  const listen = <E extends EventName>(event: E): void =>
    void service.on(event, (payload: LabEvents[E]) => told.set(event, [...(told.get(event) ?? []), payload]))
  RECORDED.forEach((event) => listen(event))
  const { id: guest } = await createLabOs(service, { ram_MB: 8 })
  const { run_id } = await service.call('migrations.start', { guest, to: 'kvm', link: '10M' })
  await service.call('migrations.setTargets', { run_id, max_downtime_ms: 50 })
  await service.call('migrations.setLink', { run_id, link: 'unlimited' })
  await service.call('migrations.wait', { run_id })
  await service.call('runs.note', { run_id, text: 'seen' })
  await service.call('guests.destroy', { guest })
  const { experiment_id } = await service.call('experiments.start', { plan: quickPlan() })
  await service.call('experiments.cancel', { experiment_id })
  await service.call('experiments.wait', { experiment_id })
  await service.call('experiments.remove', { experiment_id })
  // What came of a merge is told, even of an empty file.
  await service.call('uploads.piece', { upload: 'of-no-bytes', offset: 0, data: '' })
  await service.call('merging.merge', { upload: 'of-no-bytes', name: 'empty.sqlite' })
  const made = await service.call('recordings.stop', {})
  const recording = await readFrom(path)

  expect(recording).toMatchObject({ complete: true, not_understood: 0, about: { title: 'A lesson' } })
  expect(made).toMatchObject({ title: 'A lesson', size_B: (await stat(path)).size })
  expect([...told.keys()].sort()).toEqual([...RECORDED].sort())
  for (const [event, payloads] of told) {
    const recorded = recording.entries.flatMap((entry) =>
      'event' in entry && entry.event === event ? [entry.payload] : [],
    )
    expect(recorded, event).toEqual(JSON.parse(JSON.stringify(payloads)))
  }
  const answers = new Set(recording.entries.flatMap((entry) => ('answer' in entry ? [entry.answer] : [])))
  const asked: MethodName[] = ['hosts.list', 'guests.list', 'images.list', 'algorithms.list', 'links.list', 'runs.list']
  asked.push('guests.screen', 'guests.pages', 'guests.memory', 'guests.state', 'runs.details', 'runs.message')
  expect([...answers]).toEqual(expect.arrayContaining([...asked, 'migrations.active']))
})

test('every action is recorded, with how it failed, without paths of files; reads are not', async () => {
  const { service, folder, record } = await openRecordedLab()
  const guest = 'nobody'
  const run_id = 'none'
  const inputs = {
    'hosts.add': { name: 'third', kind: 'kvm', port: 0 },
    'hosts.remove': { name: 'third' },
    'guests.create': { image: 'none', host: 'xen' },
    'guests.pause': { guest },
    'guests.resume': { guest },
    'guests.destroy': { guest },
    'guests.workload': { guest, workload: 'idle' },
    'guests.check': { guest },
    'guests.dirtyRate': { guest },
    'guests.export': { guest, format: 'xen', path: join(folder, 'private') },
    'guests.import': { host: 'xen', path: join(folder, 'private') },
    'guests.write': { guest, data: 'x' },
    'guests.keys': { guest, scan_codes: [1] },
    'migrations.predict': { guest, to: 'kvm' },
    'migrations.start': { guest, to: 'kvm', record: join(folder, 'private') },
    'migrations.cancel': { run_id },
    'migrations.setLink': { run_id, link: '1G' },
    'migrations.setTargets': { run_id },
    'merging.merge': { upload: 'nothing-came', name: 'other.sqlite' },
    'experiments.start': { plan: quickPlan({ base: { guest: 'none' } }) },
    'experiments.pause': { experiment_id: 'none' },
    'experiments.resume': { experiment_id: 'none' },
    'experiments.cancel': { experiment_id: 'none' },
    'experiments.remove': { experiment_id: 'none' },
    'runs.note': { run_id, text: 'x' },
    'runs.remove': { run_id },
    'runs.restore': { run_id },
    'toolstack.run': { host: 'nowhere', line: 'xm list' },
    'toolstack.interrupt': { host: 'xen' },
    'files.write': { host: 'xen', path: '/tmp/x', text: 'x' },
  } satisfies { [M in MethodName]?: MethodInput<M> }
  const acts = (Object.keys(EFFECTS) as MethodName[]).filter((method) => EFFECTS[method] === 'acts')
  expect(Object.keys(inputs).sort()).toEqual([...acts].sort())
  const { path } = await record({})
  const call = (method: MethodName, input: unknown) => service.call(method, input as MethodInput<MethodName>)
  const failures: (string | null)[] = []
  for (const [method, input] of Object.entries(inputs)) {
    failures.push(
      await call(method as MethodName, input).then(
        () => null,
        (error: { code: string }) => error.code,
      ),
    )
  }
  await service.call('guests.list', {})
  await service.call('recordings.stop', {})
  const text = JSON.stringify((await readFrom(path)).entries)
  const actions = (await readFrom(path)).entries.filter((entry) => 'action' in entry)
  expect(actions.map(({ action, failed }) => [action, failed])).toEqual(
    Object.keys(inputs).map((method, i) => [method, failures[i]]),
  )
  expect(actions.find(({ action }) => action === 'guests.write')?.input).toEqual({ guest, data: 'x' })
  expect(text).not.toContain('private')
})

describe('a recording', () => {
  test('is listed, read by pieces, annotated, and removed', async () => {
    const { service, record } = await openRecordedLab()
    const { id, path } = await record({ title: 'First' })
    expect((await service.call('recordings.status', {})).recording).toMatchObject({ recording_id: id, sound: false })
    await expect(service.call('recordings.remove', { id })).rejects.toMatchObject({ code: 'recording.under-way' })
    await expect(service.call('recordings.start', {})).rejects.toMatchObject({ code: 'recording.under-way' })
    await service.call('recordings.stop', {})
    expect(await service.call('recordings.stop', {})).toBeNull()
    expect(await service.call('recordings.list', {})).toMatchObject([{ id, title: 'First', complete: true }])
    expect(await read(service, id)).toEqual(await readFile(path))
    const annotations = { title: 'Second', bookmarks: [{ t: 1, title: 'here' }], captions: [] }
    await service.call('recordings.annotate', { id, annotations })
    expect(await service.call('recordings.list', {})).toMatchObject([{ id, title: 'Second', complete: true }])
    expect((await readFrom(path)).annotations).toEqual(annotations)
    await service.call('recordings.remove', { id })
    expect(await service.call('recordings.list', {})).toEqual([])
    await expect(service.call('recordings.read', { id, offset: 0 })).rejects.toMatchObject({
      code: 'recording.unknown',
    })
    await expect(service.call('recordings.read', { id: '../x', offset: 0 })).rejects.toMatchObject({
      code: 'lab.input',
    })
  })

  test('that was removed last can be brought back; those before it are gone', async () => {
    const { service, folder, record } = await openRecordedLab()
    const ids: string[] = []
    for (const title of ['First', 'Second']) {
      ids.push((await record({ title })).id)
      await service.call('recordings.stop', {})
    }
    const [first = '', second = ''] = ids
    for (const id of ids) await service.call('recordings.remove', { id })
    expect(await service.call('recordings.list', {})).toEqual([])
    await expect(service.call('recordings.restore', { id: first })).rejects.toMatchObject({ code: 'recording.unknown' })
    await service.call('recordings.restore', { id: second })
    expect(await service.call('recordings.list', {})).toMatchObject([{ id: second, title: 'Second', complete: true }])
    expect(await readdir(folder)).toHaveLength(1)
  })

  test('that begins, ends, is annotated, removed or brought back is told of as another list; one that grows is not', async () => {
    const { service, record } = await openRecordedLab()
    const told: RecordingStatus[] = []
    service.on('recordings.changed', (status) => void told.push(status))
    const changes = async () => (await service.call('recordings.status', {})).list_changes
    let before = await changes()
    const isAnother = async (what: string) => {
      const now = await changes()
      expect(now, what).toBeGreaterThan(before)
      expect(told.at(-1)?.list_changes, what).toBe(now)
      before = now
    }
    const { id } = await record({})
    await isAnother('begun')
    await service.call('hosts.add', { name: 'third', kind: 'kvm', port: 0 })
    await until(() => (told.at(-1)?.recording?.size_B ?? 0) > (told[0]?.recording?.size_B ?? 0))
    expect(await changes()).toBe(before)
    await service.call('recordings.stop', {})
    await isAnother('ended')
    await service.call('recordings.annotate', { id, annotations: { bookmarks: [], captions: [] } })
    await isAnother('annotated')
    await service.call('recordings.remove', { id })
    await isAnother('removed')
    await expect(service.call('recordings.remove', { id })).rejects.toMatchObject({ code: 'recording.unknown' })
    expect(await changes()).toBe(before)
    await service.call('recordings.restore', { id })
    await isAnother('brought back')
  })

  test('that was cut off can be annotated: only what was not whole is lost', async () => {
    const { service, record } = await openRecordedLab()
    const { id, path } = await record({})
    await service.call('recordings.stop', {})
    await truncate(path, (await stat(path)).size - 3)
    const annotations = { bookmarks: [{ t: 1, title: 'here' }], captions: [] }
    await service.call('recordings.annotate', { id, annotations })
    expect(await readFrom(path)).toMatchObject({ complete: false, annotations })
  })

  test('in whose place another file lies is not listed, and no file is written over', async () => {
    const { service, folder } = await openRecordedLab()
    const path = join(folder, 'mine.ferryrec')
    await writeFile(path, 'my own words')
    expect(await service.call('recordings.list', {})).toEqual([])
    await expect(service.call('recordings.start', { path })).rejects.toMatchObject({ code: 'recording.exists' })
    expect(await readFile(path, 'utf8')).toBe('my own words')
    await appendFile(path, '.')
    const elsewhere = join(folder, 'none', 'x.ferryrec')
    await expect(service.call('recordings.start', { path: elsewhere })).rejects.toMatchObject({
      code: 'recording.write',
    })
    await service.call('recordings.start', {})
  })

  test('takes one voice at a time, and each stream of it as one', async () => {
    const { service, record } = await openRecordedLab()
    const piece = (stream: string, bytes: number[]) =>
      service.call('recordings.sound', {
        stream,
        data: Buffer.from(bytes).toString('base64'),
        duration_ms: 1000,
      })
    await expect(piece('a', [1])).rejects.toMatchObject({ code: 'recording.none' })
    const { path } = await record({})
    await piece('a', [0x1a, 0x45, 0xdf, 0xa3, 1])
    await piece('a', [2])
    await expect(piece('b', [3])).rejects.toMatchObject({ code: 'recording.other-voice' })
    await service.call('recordings.stop', {})
    const { sounds } = await readFrom(path)
    expect(sounds.map(({ bytes }) => [...bytes])).toEqual([[0x1a, 0x45, 0xdf, 0xa3, 1, 2]])
  })

  test('ends properly where the lab does', async () => {
    const { service, record } = await openRecordedLab()
    const { path } = await record({})
    await service.close()
    expect((await readFrom(path)).complete).toBe(true)
  })
})

test('a disk that is full ends the recording with a reason, and nothing else', async () => {
  const told: RecordingStatus[] = []
  const written: Uint8Array[] = []
  let closed = false
  const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' })
  const sink: Sink = {
    write: (bytes) => (written.length < 2 ? Promise.resolve(void written.push(bytes)) : Promise.reject(full)),
    sync: () => Promise.resolve(),
    close: () => Promise.resolve(void (closed = true)),
  }
  const recordings = new Recordings(noLab(told), await temporaryFolder(), () => Promise.resolve(sink))
  await recordings.start({})
  recordings.acting('guests.pause', { guest: 'g' })(null)
  await until(() => (told.at(-1)?.failure ?? null) !== null)
  expect(told.at(-1)).toMatchObject({ recording: null, failure: { code: 'recording.disk-full' } })
  recordings.acting('guests.pause', { guest: 'g' })(null)
  expect(await recordings.stop()).toBeNull()
  expect(closed).toBe(true)
  expect(await readRecording(Buffer.concat(written))).toMatchObject({ complete: false, entries: [] })
})

test('a lab that is killed leaves what it had recorded', async () => {
  const path = join(await temporaryFolder(), 'killed.ferryrec')
  const script = fileURLToPath(new URL('recorded-process.ts', import.meta.url))
  const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  let hosts = 0
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    const written = [...chunk.toString().matchAll(/written (\d+)/g)].at(-1)
    if (written !== null && written !== undefined) hosts = Number(written[1])
    if (hosts > 2 && !child.killed) child.kill('SIGKILL')
  }
  const recording = await readFrom(path)
  expect(recording.complete).toBe(false)
  const added = recording.entries.filter((entry) => 'event' in entry && entry.event === 'hosts.changed')
  expect(added.length).toBeGreaterThanOrEqual(hosts)
})

async function read(service: LabService, id: string): Promise<Buffer> {
  const parts: Buffer[] = []
  for (let offset = 0; ;) {
    const { data, size_B } = await service.call('recordings.read', { id, offset, bytes: 1000 })
    const part = Buffer.from(data, 'base64')
    parts.push(part)
    offset += part.length
    if (offset >= size_B) return Buffer.concat(parts)
  }
}
