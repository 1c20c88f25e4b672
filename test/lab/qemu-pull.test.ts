/** Guests that run in a real QEMU before their memory has come, and leave it before their memory has gone. */
import { describe, expect, test } from 'vitest'
import type { HostInput } from '../../engine/contract/lab.ts'
import type { RunReport } from '../../engine/contract/report.ts'
import type { LabService } from '../../engine/lab/service.ts'
import { memoryTrapRefusal } from '../../engine/qemu/memory-trap.ts'
import { qemuMachines, qemuPids } from '../qemu/processes.ts'
import { because, lacks, NEEDS } from '../setup/needs.ts'
import { variants } from '../setup/variants.ts'
import { beats, consoleOf, createLabOs, following, memoryUse, move, openLab, viewOf } from './lab-fixture.ts'

const missing = lacks(NEEDS.qemu) ?? memoryTrapRefusal() ?? undefined
const title = (text: string) => (missing === undefined ? text : `${text} (${missing})`)
const HOSTS: readonly HostInput[] = [
  { name: 'xen', kind: 'xen' },
  { name: 'qemu', kind: 'qemu' },
]

/** It crossed, every page of it is right, it finds itself well, and its heart has missed no beat. */
async function expectWhole(service: LabService, guest: string, report: RunReport): Promise<void> {
  expect(report.error).toBeNull()
  expect(report).toMatchObject({ outcome: 'completed', wrong_pages: 0, ram_equal: true, guest_check: 'ok' })
  expect(following(beats(await consoleOf(service, guest)))).toBe(true)
}

describe.skipIf(missing !== undefined)(title('a guest pulled into a real QEMU'), () => {
  test.each(variants(['pull-copy'], ['hybrid', 'single-pass']))(
    '%s: it runs there and asks for its pages; every one of them is right, and no beat of its heart is lost',
    async (algorithm) => {
      const service = await openLab(HOSTS)
      const guest = await createLabOs(service, { workload: 'dirty:2000', heartbeat_ms: 20 })
      const report = await move(service, { guest: guest.id, to: 'qemu', algorithms: [algorithm], verify_ram: true })
      expect(report).toMatchObject({ algorithm })
      expect(report.pull?.pages).toBeGreaterThan(0)
      await expectWhole(service, guest.id, report)
      const { console: line } = service.lab.guest(guest.id)
      expect((await line.command('cpu', /CPU (ok|failed)[^\r]*\r/))[1]).toBe('ok')
      // A QEMU that took its guest so gives it out as any other.
      expect(
        await move(service, { guest: guest.id, to: 'xen', algorithms: ['pre-copy'], verify_ram: true }),
      ).toMatchObject({ outcome: 'completed', ram_equal: true, guest_check: 'ok' })
      expect(qemuPids()).toEqual([])
    },
  )

  test('a link that is cut before the hand-over leaves it where it was; one that is cut later holds it up, and loses nothing', async () => {
    const service = await openLab(HOSTS)
    const guest = await createLabOs(service, { workload: 'dirty:500', heartbeat_ms: 20 })
    const input = { guest: guest.id, to: 'qemu', algorithms: ['pull-copy'], verify_ram: true }
    expect(await move(service, { ...input, cut_in_stage: 4 })).toMatchObject({ outcome: 'failed' })
    expect(await viewOf(service, guest.id)).toMatchObject({ host: 'xen', state: 'running' })
    expect(qemuPids()).toEqual([])
    const report = await move(service, { ...input, cut_in_stage: 5 })
    expect(report.pull?.recoveries).toBeGreaterThan(0)
    await expectWhole(service, guest.id, report)
  })

  test('a QEMU that is killed while pages are missing loses its guest, and says so', async () => {
    const service = await openLab(HOSTS)
    const guest = await createLabOs(service, { workload: 'dirty:500' })
    const input = { guest: guest.id, to: 'qemu', algorithms: ['pull-copy'], link: '4M' }
    const { run_id } = await service.call('migrations.start', input)
    await expect.poll(async () => (await viewOf(service, guest.id))?.host).toBe('qemu')
    for (const pid of qemuMachines()) process.kill(pid, 'SIGKILL')
    const report = await service.call('migrations.wait', { run_id })
    expect(report.outcome).toBe('failed')
    expect(report.error?.message).toContain('The guest is lost')
    expect(await viewOf(service, guest.id)).toMatchObject({ state: 'crashed' })
    await service.call('guests.destroy', { guest: guest.id })
    expect(Object.values(await memoryUse(service))).toEqual([0, 0])
  })
})

const noQemu = lacks(NEEDS.qemu)
describe.skipIf(noQemu !== undefined)(`a guest pulled out of a real QEMU${because(noQemu)}`, () => {
  test.each(variants(['hybrid'], ['pull-copy']))(
    '%s: QEMU keeps its pages until they are asked for; every one of them is right, and no beat of its heart is lost',
    async (algorithm) => {
      const service = await openLab(HOSTS)
      const guest = await createLabOs(service, { host: 'qemu', workload: 'dirty:2000', heartbeat_ms: 20 })
      const report = await move(service, { guest: guest.id, to: 'xen', algorithms: [algorithm], verify_ram: true })
      expect(report).toMatchObject({ algorithm })
      expect(report.pull?.pages).toBeGreaterThan(0)
      await expectWhole(service, guest.id, report)
      const { console: line } = service.lab.guest(guest.id)
      expect((await line.command('cpu', /CPU (ok|failed)[^\r]*\r/))[1]).toBe('ok')
      expect(qemuPids()).toEqual([])
    },
  )

  test('a link that is cut before the hand-over lets it go on in QEMU, and one that is cut later loses nothing', async () => {
    const service = await openLab(HOSTS)
    const guest = await createLabOs(service, { host: 'qemu', workload: 'dirty:500', heartbeat_ms: 20 })
    const input = { guest: guest.id, to: 'xen', algorithms: ['pull-copy'], verify_ram: true }
    const failed = await move(service, { ...input, cut_in_stage: 4 })
    expect(failed).toMatchObject({ outcome: 'failed' })
    expect(await viewOf(service, guest.id)).toMatchObject({ host: 'qemu', state: 'running' })
    expect(await service.call('guests.check', { guest: guest.id })).toMatchObject({ ok: true })
    const moved = await move(service, { ...input, cut_in_stage: 5 })
    expect(moved.pull?.recoveries).toBeGreaterThan(0)
    await expectWhole(service, guest.id, moved)
  })

  test('a QEMU that is killed with pages that the guest lacks takes the guest with it, and says so', async () => {
    const service = await openLab(HOSTS)
    const guest = await createLabOs(service, { host: 'qemu', workload: 'dirty:500' })
    const input = { guest: guest.id, to: 'xen', algorithms: ['pull-copy'], link: '4M' }
    const { run_id } = await service.call('migrations.start', input)
    await expect.poll(async () => (await viewOf(service, guest.id))?.host).toBe('xen')
    for (const pid of qemuMachines()) process.kill(pid, 'SIGKILL')
    const report = await service.call('migrations.wait', { run_id })
    expect(report.error).toMatchObject({ code: 'source.machine-died' })
    expect(report.error?.message).toContain('The guest is lost')
    expect(await viewOf(service, guest.id)).toMatchObject({ state: 'crashed' })
  })
})
