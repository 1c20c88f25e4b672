import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { ExerciseProgress } from '../../../engine/contract/guide.ts'
import { METHODS } from '../../../engine/contract/lab.ts'
import { LabService } from '../../../engine/lab/service.ts'
import { long } from '../../setup/variants.ts'
import { createLabOs, move, openLab, XEN_AND_KVM } from '../lab-fixture.ts'

const STUDENT = 'Ada'
const passedOf = ({ checks }: ExerciseProgress) => checks.filter(({ passed }) => passed).map(({ id }) => id)

function look(service: LabService, exercise: string): Promise<ExerciseProgress> {
  return service.call('guide.progress', { student: STUDENT, exercise })
}

/** Measurements in a folder of their own, so that a lab can be opened again. */
function folder(): { path: string; open: () => LabService } {
  const path = mkdtempSync(join(tmpdir(), 'ferry-guide-'))
  const services: LabService[] = []
  onTestFinished(async () => {
    for (const service of services) await service.close()
    rmSync(path, { recursive: true, force: true })
  })
  const open = () => {
    const service = new LabService({ store: join(path, 'runs.sqlite'), standby: false })
    services.push(service)
    return service
  }
  return { path, open }
}

describe('exercises done in a real lab', () => {
  test('meeting the hosts: each check becomes true by what the student does, and is told', async () => {
    const service = await openLab(XEN_AND_KVM)
    const exercise = 'meet-the-hosts'
    const told: ExerciseProgress[] = []
    service.on('guide.progress', (progress) => told.push(progress))
    await service.call('guide.open', { student: STUDENT, exercise })
    expect(passedOf(await look(service, exercise))).toEqual([])
    const guest = (await createLabOs(service)).id
    expect(passedOf(await look(service, exercise))).toEqual(['guest-on-xen'])
    await service.call('guests.write', { guest, data: 'mem\r' })
    await service.call('guests.state', { guest, as: 'kvm' })
    await service.call('guests.memory', { guest })
    await createLabOs(service, { host: 'kvm' })
    const all = passedOf(await look(service, exercise))
    expect(all).toEqual(['guest-on-xen', 'console', 'state', 'memory', 'guest-on-kvm'])
    await expect.poll(() => told.map(passedOf).at(-1), { timeout: 60_000 }).toEqual(all)
    await service.call('guests.destroy', { guest })
    expect(passedOf(await look(service, exercise)), 'a check stays passed').toEqual(all)
  })

  if (long) {
    test('three algorithms: what was done before does not count, then six runs pass all checks', async () => {
      const service = await openLab(XEN_AND_KVM)
      const exercise = 'algorithms'
      const guest = (await createLabOs(service, { workload: 'dirty:2000' })).id
      const go = (algorithm: string, to: string) => move(service, { guest, to, algorithms: [algorithm], link: '1G' })
      await go('stop-and-copy', 'kvm')
      await go('stop-and-copy', 'xen')
      await service.call('guide.open', { student: STUDENT, exercise })
      expect(passedOf(await look(service, exercise))).toEqual([])
      for (const algorithm of ['stop-and-copy', 'pre-copy', 'pull-copy']) {
        await go(algorithm, 'kvm')
        await go(algorithm, 'xen')
      }
      const progress = await look(service, exercise)
      expect(
        progress.checks.filter(({ passed }) => !passed),
        'all but what depends on timing',
      ).toEqual(progress.checks.filter(({ passed, id }) => !passed && id === 'downtimes'))
    })
  }
})

describe('progress', () => {
  const exercise = 'meet-the-hosts'
  const of = { student: STUDENT, exercise }

  test('is there again when the lab is opened anew: checks, and answers as they were written', async () => {
    const { open, path } = folder()
    const first = open()
    await first.call('hosts.add', { name: 'xen', kind: 'xen', port: 0 })
    await first.call('guide.open', of)
    await createLabOs(first)
    await first.call('guide.answer', { ...of, question: 'scatter', text: 'No: 日本 <b> "' })
    await first.close()
    const second = open()
    const progress = await second.call('guide.progress', of)
    expect(passedOf(progress)).toEqual(['guest-on-xen'])
    expect(progress.answers).toEqual({ scatter: 'No: 日本 <b> "' })
    expect(await second.call('guide.students', {})).toEqual([STUDENT])
    expect(readdirSync(join(path, 'guide')).filter((name) => !name.endsWith('.json'))).toEqual([])
    expect(await second.call('guide.progress', { ...of, student: 'Grace' })).toMatchObject({ started_at: null })
  })

  test('can be reset, and the reset undone', async () => {
    const service = await openLab(XEN_AND_KVM)
    await service.call('guide.open', of)
    await service.call('guide.answer', { ...of, question: 'slots', text: 'three' })
    expect(await service.call('guide.reset', of)).toMatchObject({ answers: {}, can_undo: true })
    expect(await service.call('guide.undoReset', of)).toMatchObject({ answers: { slots: 'three' }, can_undo: false })
    await expect(service.call('guide.undoReset', of)).rejects.toMatchObject({ code: 'guide.no-reset' })
  })

  test('in a damaged file is never written over', async () => {
    const { open, path } = folder()
    const service = open()
    await service.call('guide.open', of)
    const [name = ''] = readdirSync(join(path, 'guide'))
    writeFileSync(join(path, 'guide', name), '{"format":')
    await expect(service.call('guide.open', of)).rejects.toMatchObject({ code: 'guide.progress' })
    await expect(service.call('guide.answer', { ...of, question: 'slots', text: 'x' })).rejects.toMatchObject({
      code: 'guide.progress',
    })
  })
})

test('the list keeps to the contract, counts progress and is searched by words', async () => {
  const service = await openLab([])
  await service.call('guide.open', { student: STUDENT, exercise: 'protocol' })
  await service.call('guide.answer', { student: STUDENT, exercise: 'protocol', question: 'safe', text: 'on xen' })
  const all = v.parse(METHODS['guide.list'].output, await service.call('guide.list', { student: STUDENT }))
  expect(all.problems).toEqual([])
  expect(all.exercises.find(({ id }) => id === 'protocol')).toMatchObject({ answered: 1, passed: 0, excerpt: null })
  const found = await service.call('guide.list', { text: 'COMMIT  running' })
  expect(found.exercises.map(({ id }) => id)).toContain('protocol')
  expect(found.exercises[0]?.excerpt).toMatch(/commit/i)
  expect((await service.call('guide.list', { text: 'no-such-word' })).exercises).toEqual([])
})

test("an instructor's files join the exercises; a broken one is told and changes nothing", async () => {
  const service = await openLab([])
  const good = '---\nid: mine\ntitle: Mine\ngoal: See.\nminutes: 5\norder: 1\n---\n```question\nid: q\ntitle: Q\n```\n'
  const added = await service.call('guide.add', {
    files: [
      { name: 'mine.md', text: good },
      { name: 'bad.md', text: good.replace('```question', '```check').replace('id: mine', 'id: protocol') },
    ],
  })
  expect(added).toMatchObject({ exercises: ['mine'], problems: [{ file: 'bad.md', line: 8 }] })
  const { exercises, problems } = await service.call('guide.list', {})
  expect(exercises[0]).toMatchObject({ id: 'mine', own: true })
  expect(exercises.find(({ id }) => id === 'protocol')?.own).toBe(false)
  expect(problems).toHaveLength(1)
})
