/** Real guests that run on the target before their memory has come. */
import { expect, test } from 'vitest'
import type { RunReport } from '../../engine/contract/report.ts'
import { linuxGuest } from '../linux-image.ts'
import { variants } from '../setup/variants.ts'
import { betweenLike, createLabOs, memoryUse, move, openLab, viewOf, type Way, XEN_AND_KVM } from './lab-fixture.ts'

const WAYS = variants<Way>(
  [
    ['pull-copy', 'xen', 'kvm'],
    ['hybrid', 'kvm', 'xen'],
  ],
  [['pull-copy', 'kvm', 'xen'], ['hybrid', 'xen', 'kvm'], ...betweenLike('pull-copy', 'hybrid')],
)
const linux = await linuxGuest()
const why = typeof linux === 'string' ? ` (skipped: ${linux})` : ''

function expectPulled(report: RunReport, algorithm: string): void {
  expect(report.error).toBeNull()
  expect(report).toMatchObject({ outcome: 'completed', algorithm, wrong_pages: 0, ram_equal: true, guest_check: 'ok' })
  expect(report.pull?.pages).toBeGreaterThan(0)
  expect(report.pull?.recoveries).toBe(0)
}

test.each(WAYS)(
  '%s, %s → %s: a guest that writes its memory and its disk crosses with every byte right',
  async (algorithm, from, to) => {
    const service = await openLab([
      { name: 'source', kind: from },
      { name: 'target', kind: to },
    ])
    const input = { host: 'source', workload: 'dirty:2000', heartbeat_ms: 20, disk_MB: 1 }
    const guest = await createLabOs(service, input)
    const { console } = service.lab.guest(guest.id)
    await console.command('disk load 200', /OK disk_load=/)
    const report = await move(service, { guest: guest.id, to: 'target', algorithms: [algorithm], verify_ram: true })
    expectPulled(report, algorithm)
    if (algorithm === 'pull-copy') expect(report.rounds).toHaveLength(1)
    expect((await viewOf(service, guest.id))?.host).toBe('target')
    expect((await memoryUse(service)).source).toBe(0)
    const disk = await console.command('disk', /DISK sectors=[^\r]*\r/)
    expect(disk[0]).toContain('errors=0 lost=0 load=200')
    expect(console.text).not.toContain('ERROR')
    expect((await console.command('cpu', /CPU (ok|failed)[^\r]*\r/))[1]).toBe('ok')
  },
)

test.skipIf(typeof linux === 'string')(`Linux under load crosses by pull-copy${why}`, async () => {
  const service = await openLab(XEN_AND_KVM.map((host) => ({ ...host, memory_MB: 1024 })))
  const input = { image: 'linux', host: 'xen', ram_MB: 64, workload: 'dirty:2000', heartbeat_ms: 50, disk_MB: 8 }
  const guest = await service.call('guests.create', input)
  const report = await move(service, { guest: guest.id, to: 'kvm', algorithms: ['pull-copy'], verify_ram: true })
  expectPulled(report, 'pull-copy')
  await expect.poll(() => service.lab.client.ping(guest.ip), { timeout: 60_000 }).toBeGreaterThan(0)
  const { text } = await service.call('guests.console', { guest: guest.id })
  expect(text).not.toMatch(/WRONG|Oops|BUG:|panic/)
})
