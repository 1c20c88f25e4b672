/** The lab's main guest: a Debian kernel, started from its saved state, moved under each of its loads. */
import { describe, expect, test } from 'vitest'
import { linuxGuest } from '../linux-image.ts'
import { move, openLab } from './lab-fixture.ts'
import { crossesUnder, LINUX_HOSTS } from './linux-loads.ts'

const linux = await linuxGuest()
const why = typeof linux === 'string' ? ` (skipped: ${linux})` : ''

describe.skipIf(typeof linux === 'string')(`Linux${why}`, () => {
  test('two guests from one saved state have their own addresses and answer the client', async () => {
    const service = await openLab(LINUX_HOSTS)
    const first = await service.call('guests.create', { image: 'linux', host: 'xen', ram_MB: 64 })
    const second = await service.call('guests.create', { image: 'linux', host: 'kvm', ram_MB: 64 })
    expect(second.started).toBe('from saved state')
    for (const { ip, mac } of [first, second]) {
      await expect.poll(() => service.lab.client.ping(ip), { timeout: 60_000 }).toBeGreaterThan(0)
      expect(await service.lab.client.resolve(ip)).toBe(mac)
    }
    expect(second.ip).not.toBe(first.ip)
    expect(second.mac).not.toBe(first.mac)
  })

  test('a guest that gets the address of one that was moved and destroyed is heard where it is', async () => {
    const service = await openLab(LINUX_HOSTS)
    const create = () => service.call('guests.create', { image: 'linux', host: 'xen', ram_MB: 64 })
    const first = await create()
    const measured = async (guest: string) =>
      (await move(service, { guest, to: 'kvm', algorithms: ['pre-copy'] })).outage_ms
    expect(await measured(first.id)).not.toBeNull()
    await service.call('guests.destroy', { guest: first.id })
    const second = await create()
    expect(second.mac).toBe(first.mac)
    expect(await measured(second.id)).not.toBeNull()
  })

  // The others are in linux.long.ts.
  crossesUnder('dirty:2000')
})
