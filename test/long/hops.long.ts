/**
 * Two hundred migrations of a guest that writes its memory, in all four directions, every page of every memory block
 * compared before the target's first instruction, and the guest's own check after each.
 */
import { expect, onTestFinished, test } from 'vitest'
import { LabService } from '../../engine/lab/service.ts'
import { linuxGuest } from '../linux-image.ts'

const HOPS = 200
/** Four hosts in a ring whose edges are the four directions: xen → kvm → kvm → xen → xen. */
const RING = [
  { name: 'xen-1', kind: 'xen' },
  { name: 'kvm-1', kind: 'kvm' },
  { name: 'kvm-2', kind: 'kvm' },
  { name: 'xen-2', kind: 'xen' },
] as const

async function hop(image: string, ram_MB: number, workload: string): Promise<void> {
  const service = new LabService({ store: ':memory:' })
  onTestFinished(() => service.close())
  for (const host of RING) await service.call('hosts.add', { ...host, port: 0 })
  const guest = await service.call('guests.create', {
    image,
    host: 'xen-1',
    ram_MB,
    workload,
    heartbeat_ms: 100,
    disk_MB: 8,
  })
  const outcomes = { crossed: 0, wrongPages: 0, failedChecks: 0 }
  const directions = new Set<string>()
  for (let i = 1; i <= HOPS; i++) {
    const algorithms = [i % 5 === 0 ? 'stop-and-copy' : 'pre-copy']
    const to = RING[i % RING.length].name
    const { run_id } = await service.call('migrations.start', { guest: guest.id, to, algorithms, verify_ram: true })
    const report = await service.call('migrations.wait', { run_id })
    directions.add(`${report.from_kind}-${report.to_kind}`)
    if (report.outcome === 'completed') outcomes.crossed++
    outcomes.wrongPages += report.wrong_pages ?? 0
    if (report.guest_check !== 'ok') outcomes.failedChecks++
  }
  expect(outcomes).toEqual({ crossed: HOPS, wrongPages: 0, failedChecks: 0 })
  expect([...directions].sort()).toEqual(['kvm-kvm', 'kvm-xen', 'xen-kvm', 'xen-xen'])
  const { text } = await service.call('guests.console', { guest: guest.id })
  expect(text).not.toMatch(/WRONG|SWEEP ERROR|Oops|BUG:|panic/)
}

test('LabOS, 200 hops, writing and reading its disk by DMA: no wrong page, every self-check ok', async () => {
  await hop('labos', 32, 'dirty:2000')
})

test('Linux, 200 hops, dirtying 2000 pages a second: no wrong page, every self-check ok', async ({ skip }) => {
  const linux = await linuxGuest()
  if (typeof linux === 'string') skip(`the Linux image cannot be had here: ${linux}`)
  await hop('linux', 128, 'dirty:2000')
})
