/** A real QEMU as a host of the lab: guests go there and come back, and nothing is lost when it dies. */
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { HostInput } from '../../engine/contract/lab.ts'
import type { RunReport } from '../../engine/contract/report.ts'
import { qemuMachines, qemuPids } from '../qemu/processes.ts'
import { lacks, NEEDS } from '../setup/needs.ts'
import { beats, consoleOf, createLabOs, following, memoryUse, move, openLab, viewOf } from './lab-fixture.ts'

const missing = lacks(NEEDS.qemu)
const title = (text: string) => (missing === undefined ? text : `${text} (${missing})`)
const THREE: readonly HostInput[] = [
  { name: 'xen', kind: 'xen' },
  { name: 'qemu', kind: 'qemu' },
  { name: 'kvm', kind: 'kvm' },
]

function expectCrossed(report: RunReport): void {
  expect(report.error).toBeNull()
  expect(report).toMatchObject({ outcome: 'completed', wrong_pages: 0, ram_equal: true, guest_check: 'ok' })
}

test('every kind of host is listed, with what to do where one cannot be had', async () => {
  const service = await openLab([])
  const kinds = await service.call('hosts.kinds', {})
  expect(kinds.map(({ kind }) => kind)).toEqual(['xen', 'kvm', 'qemu'])
  for (const { available, reason } of kinds) expect(available).toBe(reason === null)
  const qemu = kinds.find(({ kind }) => kind === 'qemu')
  expect(qemu?.available).toBe(missing === undefined)
})

describe.skipIf(missing !== undefined)(title('a guest and a real QEMU'), () => {
  test('live there and back over all kinds: every page right, no beat of the heart lost, its clients answered', async () => {
    const service = await openLab(THREE)
    const guest = await createLabOs(service, { workload: 'dirty:500', heartbeat_ms: 50 })
    for (const to of ['qemu', 'kvm', 'qemu', 'xen']) {
      const report = await move(service, { guest: guest.id, to, algorithms: ['pre-copy'], verify_ram: true })
      expectCrossed(report)
      expect(report).toMatchObject({ algorithm: 'pre-copy', to_kind: to })
      expect(report.outage_ms).not.toBeNull()
      expect(qemuPids()).toHaveLength(to === 'qemu' ? 1 : 0)
    }
    const told = beats(await consoleOf(service, guest.id))
    expect(told.length).toBeGreaterThan(20)
    expect(following(told)).toBe(true)
    const cpu = await service.lab.guest(guest.id).console.command('cpu', /CPU (ok|failed)[^\r]*\r/)
    expect(cpu[1]).toBe('ok')
  })

  test('a guest starts there, is stopped and copied away, and its memory is given back', async () => {
    const service = await openLab(THREE)
    const guest = await createLabOs(service, { host: 'qemu', heartbeat_ms: 50 })
    expect((await service.call('guests.memory', { guest: guest.id })).rows.map(({ name }) => name)).toContain('pc.ram')
    const algorithms = ['stop-and-copy']
    expectCrossed(await move(service, { guest: guest.id, to: 'kvm', algorithms, verify_ram: true }))
    expectCrossed(await move(service, { guest: guest.id, to: 'qemu', algorithms, verify_ram: true }))
    expect((await memoryUse(service)).kvm).toBe(0)
    expect(following(beats(await consoleOf(service, guest.id)))).toBe(true)
    await service.call('guests.destroy', { guest: guest.id })
    expect((await memoryUse(service)).qemu).toBe(0)
    expect(qemuPids()).toEqual([])
  })

  test('a QEMU that is killed in any stage before the hand-over leaves the guest running where it was', async () => {
    const service = await openLab(THREE)
    const guest = await createLabOs(service, { workload: 'dirty:500', heartbeat_ms: 50 })
    for (const stage of [1, 2, 3, 4]) {
      // The latency makes each stage long enough to be met.
      const input = { guest: guest.id, to: 'qemu', algorithms: ['pre-copy'], verify_ram: true, link: '1G,20ms' }
      const { run_id } = await service.call('migrations.start', input)
      // Progress is told a few times a second: too late for the last stages.
      const run = service.runs.active(run_id)
      // In stage 1 it is there a little later.
      while (run.stage < stage || qemuMachines().length === 0) await setImmediate()
      for (const pid of qemuMachines()) process.kill(pid, 'SIGKILL')
      const report = await service.call('migrations.wait', { run_id })
      expect(report).toMatchObject({ outcome: 'failed' })
      expect(report.error?.message).toContain('goes on at xen')
      expect(await viewOf(service, guest.id)).toMatchObject({ host: 'xen', state: 'running' })
      expect(await service.call('guests.check', { guest: guest.id })).toMatchObject({ ok: true })
    }
    expect(following(beats(await consoleOf(service, guest.id)))).toBe(true)
    expect((await memoryUse(service)).qemu).toBe(0)
  })

  test('a migration away that is cancelled leaves the guest running in its QEMU', async () => {
    const service = await openLab(THREE)
    const guest = await createLabOs(service, { host: 'qemu', heartbeat_ms: 50 })
    const { run_id } = await service.call('migrations.start', { guest: guest.id, to: 'xen', link: '10M' })
    await service.call('migrations.cancel', { run_id })
    expect(await service.call('migrations.wait', { run_id })).toMatchObject({ outcome: 'cancelled' })
    expect(await viewOf(service, guest.id)).toMatchObject({ host: 'qemu', state: 'running' })
    expect(await service.call('guests.check', { guest: guest.id })).toMatchObject({ ok: true })
    expect(following(beats(await consoleOf(service, guest.id)))).toBe(true)
  })

  test('a guest under disk load takes its disk with it: what is written on one host is read on the next', async () => {
    const service = await openLab(THREE)
    const { id } = await createLabOs(service, { disk_MB: 2, workload: 'dirty:500', heartbeat_ms: 50 })
    const { console, disk } = service.lab.guest(id)
    const ask = (line: string, answer: RegExp) => console.command(line, answer)
    await ask('disk load 200', /OK disk_load=/)
    const sums = new Set<string>()
    let last: string | undefined
    for (const [i, to] of ['qemu', 'kvm', 'qemu', 'xen'].entries()) {
      expectCrossed(await move(service, { guest: id, to, algorithms: ['pre-copy'], verify_ram: true }))
      if (i > 0) expect((await ask(`disk read ${i - 1}`, /DISK read lba=\d+ sum=(\w+) /))[1], to).toBe(last)
      // It destroys sectors at random: those written before count no more.
      expect((await ask('disk test 20', /DISK (ok|failed) [^\r]*\r/))[1]).toBe('ok')
      last = (await ask(`disk write ${i}`, /DISK wrote lba=\d+ sum=(\w+)\r/))[1]
      sums.add(last ?? '')
    }
    expect(sums.size).toBe(4)
    expect(await ask('disk', /DISK sectors=4096 [^\r]*errors=(\d+) lost=(\d+)/)).toMatchObject({ 1: '0', 2: '0' })
    expect(disk?.readSectors(0, 4).some((byte) => byte !== 0)).toBe(true)
    expect(following(beats(await consoleOf(service, id)))).toBe(true)
  })

  test('what QEMU cannot be or do is refused before the guest is touched, by name', async () => {
    const service = await openLab(THREE)
    const guest = await createLabOs(service)
    const points = await service.call('migrations.check', { guest: guest.id, to: 'qemu' })
    const detail = (id: string) => points.find((point) => point.id === id)
    expect(detail('state')).toMatchObject({ ok: true })
    expect(detail('clock')).toMatchObject({ ok: true, detail: expect.stringContaining('instructions') as string })
    const native = { guest: guest.id, to: 'qemu', algorithms: ['native'] }
    await expect(service.call('migrations.start', native)).rejects.toMatchObject({ code: 'algorithm.not-in-pool' })
    expect(await viewOf(service, guest.id)).toMatchObject({ host: 'xen', state: 'running' })
    expect(qemuPids()).toEqual([])
    const other = await createLabOs(service, { host: 'qemu' })
    const once = service.call('migrations.start', { guest: other.id, to: 'kvm', algorithms: ['single-pass'] })
    await expect(once).rejects.toThrow(/none of single-pass.*QEMU does not stop its guest in front of a write/)
    expect(await viewOf(service, other.id)).toMatchObject({ host: 'qemu', state: 'running' })
  })
})
