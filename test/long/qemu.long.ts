/** Fifty migrations into a real QEMU and fifty out of it, of guests that write their memory, every page of RAM compared. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { LabService } from '../../engine/lab/service.ts'
import { memoryTrapRefusal } from '../../engine/qemu/memory-trap.ts'
import { linuxGuest } from '../linux-image.ts'
import { lacks, NEEDS } from '../setup/needs.ts'

const HOPS = 100
/** Every second host is a QEMU. */
const RING = ['xen', 'qemu', 'kvm', 'qemu'] as const
const missing = lacks(NEEDS.qemu)

/** By these in turns. */
const COPIED = ['pre-copy', 'pre-copy', 'pre-copy', 'pre-copy', 'stop-and-copy']
const PULLED = ['pull-copy', 'hybrid', 'pull-copy', 'hybrid', 'hybrid']

async function hop(image: string, ram_MB: number, workload: string, turns = COPIED): Promise<void> {
  const service = new LabService({ store: ':memory:', standby: false })
  onTestFinished(() => service.close())
  for (const kind of ['xen', 'qemu', 'kvm'] as const) await service.call('hosts.add', { name: kind, kind, port: 0 })
  const guest = await service.call('guests.create', { image, host: 'xen', ram_MB, workload, heartbeat_ms: 100 })
  const outcomes = { crossed: 0, wrongPages: 0, failedChecks: 0 }
  const errors: string[] = []
  for (let i = 1; i <= HOPS; i++) {
    const algorithms = [turns[(i - 1) % turns.length]]
    // One that fails leaves the guest where it was, and is tried again by the next algorithm.
    const to = RING[(outcomes.crossed + 1) % RING.length]
    const { run_id } = await service.call('migrations.start', { guest: guest.id, to, algorithms, verify_ram: true })
    const report = await service.call('migrations.wait', { run_id })
    if (report.outcome === 'completed') outcomes.crossed++
    else errors.push(`${i}, to ${to}: ${report.error?.message}`)
    outcomes.wrongPages += report.wrong_pages ?? 0
    if (report.guest_check !== 'ok') outcomes.failedChecks++
  }
  expect(errors).toEqual([])
  expect(outcomes).toEqual({ crossed: HOPS, wrongPages: 0, failedChecks: 0 })
  const { text } = await service.call('guests.console', { guest: guest.id })
  expect(text).not.toMatch(/WRONG|SWEEP ERROR|Oops|BUG:|panic/)
}

describe.skipIf(missing !== undefined)(missing ?? 'a real QEMU, 50 hops each way', () => {
  test('LabOS, dirtying 1000 pages a second: no wrong page, every self-check ok', async () => {
    await hop('labos', 16, 'dirty:1000')
  })

  test.skipIf(memoryTrapRefusal() !== null)(
    'LabOS, its memory after it: no wrong page, every self-check ok',
    async () => {
      await hop('labos', 16, 'dirty:1000', PULLED)
    },
  )

  test('Linux, dirtying 1000 pages a second: no wrong page, every self-check ok', async ({ skip }) => {
    const linux = await linuxGuest()
    if (typeof linux === 'string') skip(`the Linux image cannot be had here: ${linux}`)
    await hop('linux', 128, 'dirty:1000')
  })
})
