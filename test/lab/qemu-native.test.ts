/** QEMU's own migration, from one QEMU to another: what Ferry's algorithms are measured against. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { HostInput } from '../../engine/contract/lab.ts'
import { verifyFile } from '../../engine/migration/verify-stream.ts'
import { qemuMachines, qemuPids } from '../qemu/processes.ts'
import { because, lacks, NEEDS } from '../setup/needs.ts'
import { beats, consoleOf, createLabOs, following, memoryUse, move, openLab, viewOf } from './lab-fixture.ts'

const missing = lacks(NEEDS.qemu)
const HOSTS: readonly HostInput[] = [
  { name: 'qemu', kind: 'qemu' },
  { name: 'qemu-2', kind: 'qemu' },
  { name: 'xen', kind: 'xen' },
]
const input = { to: 'qemu-2', algorithms: ['native'] }

describe.skipIf(missing !== undefined)(`QEMU's own migration${because(missing)}`, () => {
  test('crosses over the shaped link, is measured as the others are, and every page of RAM is right', async () => {
    const service = await openLab(HOSTS)
    const guest = await createLabOs(service, { host: 'qemu', workload: 'dirty:500', heartbeat_ms: 20 })
    const folder = mkdtempSync(join(tmpdir(), 'ferry-native-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const record = join(folder, 'stream')
    const report = await move(service, { ...input, guest: guest.id, link: '1G', verify_ram: true, record })
    expect(report.error).toBeNull()
    expect(report).toMatchObject({ algorithm: 'native', wrong_pages: 0, ram_equal: true, guest_check: 'ok' })
    expect(report.downtime_ms).toBeGreaterThan(0)
    expect(report.pages_sent).toBeGreaterThanOrEqual(4096)
    expect(report.bytes_sent_B).toBeGreaterThan(2 ** 20)
    expect(following(beats(await consoleOf(service, guest.id)))).toBe(true)
    expect((await memoryUse(service)).qemu).toBe(0)
    expect(qemuPids()).toHaveLength(1)
    expect(await verifyFile(record)).toMatchObject({ problems: [], outcome: 'completed', algorithm: 'native' })
    // What came so goes on as any other guest.
    const on = await move(service, { guest: guest.id, to: 'xen', algorithms: ['pre-copy'], verify_ram: true })
    expect(on).toMatchObject({ outcome: 'completed', ram_equal: true, guest_check: 'ok' })
  })

  test('cancelled, cut off, or with its target killed, the guest goes on where it was', async () => {
    const service = await openLab(HOSTS)
    const guest = await createLabOs(service, { host: 'qemu', workload: 'dirty:500', heartbeat_ms: 20 })
    const stays = async () => {
      expect(await viewOf(service, guest.id)).toMatchObject({ host: 'qemu', state: 'running' })
      expect(await service.call('guests.check', { guest: guest.id })).toMatchObject({ ok: true })
    }
    const slow = await service.call('migrations.start', { ...input, guest: guest.id, link: '20M' })
    const run = service.runs.active(slow.run_id)
    while (run.stage < 2) await setImmediate()
    await service.call('migrations.cancel', slow)
    expect(await service.call('migrations.wait', slow)).toMatchObject({ outcome: 'cancelled' })
    await stays()
    expect(await move(service, { ...input, guest: guest.id, cut_in_stage: 4 })).toMatchObject({ outcome: 'failed' })
    await stays()
    const [own] = qemuPids()
    const killed = await service.call('migrations.start', { ...input, guest: guest.id, link: '20M' })
    const other = service.runs.active(killed.run_id)
    while (other.stage < 2) await setImmediate()
    for (const pid of qemuMachines()) if (pid !== own) process.kill(pid, 'SIGKILL')
    expect(await service.call('migrations.wait', killed)).toMatchObject({ outcome: 'failed' })
    await stays()
    expect(following(beats(await consoleOf(service, guest.id)))).toBe(true)
  })

  test('is not there between unlike hosts, and is not taken unless it is named', async () => {
    const service = await openLab(HOSTS)
    const guest = await createLabOs(service, { host: 'qemu' })
    const refused = await move(service, { guest: guest.id, to: 'xen', algorithms: ['native'] })
    expect(refused.error?.code).toBe('refused.no-common-algorithm')
    expect(await move(service, { guest: guest.id, to: 'qemu-2' })).toMatchObject({ algorithm: 'pre-copy' })
  })
})
