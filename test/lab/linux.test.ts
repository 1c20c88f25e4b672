/** The lab's main guest: a Debian kernel, started from its saved state, moved under each of its loads. */
import { describe, expect, test } from 'vitest'
import { linuxGuest } from '../linux-image.ts'
import { move, openLab, XEN_AND_KVM } from './lab-fixture.ts'

const linux = await linuxGuest()
const why = typeof linux === 'string' ? ` (skipped: ${linux})` : ''

describe.skipIf(typeof linux === 'string')(`Linux${why}`, () => {
  const hosts = XEN_AND_KVM.map((host) => ({ ...host, memory_MB: 1024 }))

  test('two guests from one saved state have their own addresses and answer the client', async () => {
    const service = await openLab(hosts)
    const first = await service.call('guests.create', { image: 'linux', host: 'xen', ram_MB: 64 })
    const second = await service.call('guests.create', { image: 'linux', host: 'kvm', ram_MB: 64 })
    expect(second.started).toBe('from saved state')
    for (const { ip, mac } of [first, second]) {
      await expect.poll(() => service.lab.client.ping(ip), { timeout: 20_000 }).toBeGreaterThan(0)
      expect(await service.lab.client.resolve(ip)).toBe(mac)
    }
    expect(second.ip).not.toBe(first.ip)
    expect(second.mac).not.toBe(first.mac)
  })

  for (const workload of ['dirty:2000', 'disk', 'web', 'compile']) {
    test(`crosses and comes back with every page equal under the load ${workload}`, async () => {
      const notes: string[] = []
      const service = await openLab(hosts, notes)
      const input = { image: 'linux', host: 'xen', ram_MB: 128, workload, heartbeat_ms: 50, disk_MB: 8 }
      const guest = await service.call('guests.create', input)
      for (const to of ['kvm', 'xen']) {
        const report = await move(service, { guest: guest.id, to, verify_ram: true })
        expect(report.error).toBeNull()
        expect(notes.filter((note) => note.includes('own check'))).toEqual([])
        expect(report).toMatchObject({ outcome: 'completed', wrong_pages: 0, guest_check: 'ok' })
      }
      // One packet may be lost on a busy machine; the network may not.
      await expect.poll(() => service.lab.client.ping(guest.ip), { timeout: 20_000 }).toBeGreaterThan(0)
      const { text } = await service.call('guests.console', { guest: guest.id })
      expect(text).not.toMatch(/WRONG|Oops|BUG:|panic/)
    })
  }
})
