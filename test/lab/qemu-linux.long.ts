/** Linux with a disk, from host to host by way of a real QEMU: every page of RAM compared, and what is on its disk. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { HostInput } from '../../engine/contract/lab.ts'
import { linuxGuest } from '../linux-image.ts'
import { lacks, NEEDS } from '../setup/needs.ts'
import { consoleOf, following, move, openLab } from './lab-fixture.ts'

const linux = await linuxGuest()
const missing = typeof linux === 'string' ? linux : lacks(NEEDS.qemu)
const HOSTS: readonly HostInput[] = (['xen', 'qemu', 'kvm'] as const).map((kind) => ({
  name: kind,
  kind,
  memory_MB: 1024,
}))
const MIB = 2 ** 20

describe.skipIf(missing !== undefined)(
  `Linux with a disk, and a real QEMU${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    test('writes on one host what it reads on the next', async () => {
      const service = await openLab(HOSTS)
      const input = { image: 'linux', host: 'xen', ram_MB: 128, heartbeat_ms: 50, disk_MB: 8 }
      const { id } = await service.call('guests.create', input)
      const { console, disk } = service.lab.guest(id)
      const ask = async (line: string) => (await console.command(`${line}; echo do""ne`, /([0-9a-f]{32})[^]*done/))[1]
      for (const to of ['qemu', 'kvm', 'qemu', 'xen']) {
        const there = await ask('dd if=/dev/urandom of=/dev/sda bs=1M count=8 2>/dev/null; sync; md5sum /dev/sda')
        const report = await move(service, { guest: id, to, algorithms: ['pre-copy'], verify_ram: true })
        expect(report.error).toBeNull()
        expect(report).toMatchObject({ wrong_pages: 0, guest_check: 'ok' })
        expect(await ask('echo 3 >/proc/sys/vm/drop_caches; md5sum /dev/sda'), to).toBe(there)
        expect(
          createHash('md5')
            .update(disk?.readSectors(0, (8 * MIB) / 512) ?? '')
            .digest('hex'),
        ).toBe(there)
      }
      // A beat may come behind a prompt.
      const told = [...(await consoleOf(service, id)).matchAll(/HB (\d+) t=/g)].map(([, number]) => Number(number))
      expect(told.length).toBeGreaterThan(20)
      expect(following(told)).toBe(true)
    })

    test.each([
      ['xen', 'qemu', 'kvm', 'qemu', 'xen'],
      ['qemu', 'kvm', 'qemu'],
    ])('crosses under its load from %s', async (first, ...way) => {
      const service = await openLab(HOSTS)
      const input = { image: 'linux', host: first, ram_MB: 128, heartbeat_ms: 50, disk_MB: 64, workload: 'disk' }
      const { id } = await service.call('guests.create', input)
      for (const to of way) {
        const report = await move(service, { guest: id, to, algorithms: ['pre-copy'], verify_ram: true })
        expect(report.error).toBeNull()
        expect(report).toMatchObject({ wrong_pages: 0, guest_check: 'ok' })
      }
      expect(await consoleOf(service, id)).not.toMatch(/WRONG|Oops|BUG:|panic/)
    })
  },
)
