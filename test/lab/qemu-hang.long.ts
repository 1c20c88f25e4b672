/** A real QEMU that does not answer any more, neither dead nor alive: it is given up in each stage, and ended. */
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { HostInput } from '../../engine/contract/lab.ts'
import { qemuMachines, qemuPids, tellsVersion } from '../qemu/processes.ts'
import { because, lacks, NEEDS } from '../setup/needs.ts'
import { beats, consoleOf, createLabOs, following, memoryUse, openLab, viewOf } from './lab-fixture.ts'

const missing = lacks(NEEDS.qemu)
const HOSTS: readonly HostInput[] = [
  { name: 'xen', kind: 'xen' },
  { name: 'qemu', kind: 'qemu' },
]
const MOMENTS = [
  ['while it is asked for its version', 1, true],
  ['in stage 1', 1, false],
  ['in stage 2', 2, false],
  ['in stage 3', 3, false],
  ['in stage 4', 4, false],
] as const

test.skipIf(missing !== undefined).each(MOMENTS)(
  `a QEMU that hangs %s is ended, and leaves the guest running where it was${because(missing)}`,
  { timeout: 180_000 },
  async (_, stage, version) => {
    const service = await openLab(HOSTS)
    const guest = await createLabOs(service, { workload: 'dirty:500', heartbeat_ms: 50 })
    // The latency makes each stage long enough to be met.
    const input = { guest: guest.id, to: 'qemu', algorithms: ['pre-copy'], verify_ram: true, link: '1G,20ms' }
    const { run_id } = await service.call('migrations.start', input)
    const run = service.runs.active(run_id)
    const wanted = () => (version ? qemuPids().filter(tellsVersion) : qemuMachines())
    while (run.stage < stage || wanted().length === 0) await setImmediate()
    for (const pid of wanted()) process.kill(pid, 'SIGSTOP')
    const report = await service.call('migrations.wait', { run_id })
    expect(report).toMatchObject({ outcome: 'failed' })
    expect(report.error?.message).toContain('goes on at xen')
    expect(await viewOf(service, guest.id)).toMatchObject({ host: 'xen', state: 'running' })
    expect(await service.call('guests.check', { guest: guest.id })).toMatchObject({ ok: true })
    expect(following(beats(await consoleOf(service, guest.id)))).toBe(true)
    await expect.poll(() => qemuPids(), { timeout: 60_000 }).toEqual([])
    await expect.poll(async () => (await memoryUse(service)).qemu, { timeout: 60_000 }).toBe(0)
  },
)
