/** The lab's main guest under one of its loads, there and back. */
import { expect, test } from 'vitest'
import { move, openLab, XEN_AND_KVM } from './lab-fixture.ts'

export const LINUX_HOSTS = XEN_AND_KVM.map((host) => ({ ...host, memory_MB: 1024 }))

export function crossesUnder(workload: string): void {
  test(`crosses and comes back with every page equal under the load ${workload}`, async () => {
    const notes: string[] = []
    const service = await openLab(LINUX_HOSTS, notes)
    const input = { image: 'linux', host: 'xen', ram_MB: 128, workload, heartbeat_ms: 50, disk_MB: 8 }
    const guest = await service.call('guests.create', input)
    for (const to of ['kvm', 'xen']) {
      const report = await move(service, { guest: guest.id, to, verify_ram: true })
      expect(report.error).toBeNull()
      expect(notes.filter((note) => note.includes('own check'))).toEqual([])
      expect(report).toMatchObject({ outcome: 'completed', wrong_pages: 0, guest_check: 'ok' })
    }
    // One packet may be lost on a busy machine; the network may not.
    await expect.poll(() => service.lab.client.ping(guest.ip), { timeout: 60_000 }).toBeGreaterThan(0)
    const { text } = await service.call('guests.console', { guest: guest.id })
    expect(text).not.toMatch(/WRONG|Oops|BUG:|panic/)
  })
}
