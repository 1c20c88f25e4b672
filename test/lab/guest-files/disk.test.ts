/** A guest's disk goes beside its file, and comes back with it. */
import { readFileSync, mkdtempSync, readdirSync, renameSync, rmSync, truncateSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { LabService } from '../../../engine/lab/service.ts'
import { BLOCK } from '../../../engine/vmstate/blocks.ts'
import { createLabOs, memoryUse, openLab, XEN_AND_KVM } from '../lab-fixture.ts'

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ferry-disk-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const ask = async (service: LabService, guest: string, line: string, answer: RegExp) =>
  (await service.lab.guest(guest).console.command(line, answer))[1]

/** A guest that wrote to its disk, paused, and written into a file. */
async function exported(diskMb = 2) {
  const service = await openLab(XEN_AND_KVM)
  const { id: guest } = await createLabOs(service, { disk_MB: diskMb })
  const sum = await ask(service, guest, 'disk write 3', /DISK wrote lba=\d+ sum=(\w+)\r/)
  await service.call('guests.pause', { guest })
  const folder = newFolder()
  const path = join(folder, 'a guest, saved')
  const written = await service.call('guests.export', { guest, format: 'qemu', path })
  return { service, guest, sum, folder, path, written }
}

test('a guest that was exported with its disk runs on in another lab, and reads what it wrote', async () => {
  const { service, guest, sum, path, written } = await exported()
  const { disk, residence } = service.lab.guest(guest)
  expect(written).toMatchObject({ disk: { path: `${path}.disk`, bytes: 2 ** 21 } })
  expect(written.command).toContain(`file=${path.replaceAll(',', ',,')}.disk,format=raw`)
  expect(readFileSync(`${path}.disk`).equals(Buffer.from(disk?.toBytes() ?? []))).toBe(true)
  const before = await residence.machine.digests(BLOCK.ram)
  const other = await openLab(XEN_AND_KVM)
  const view = await other.call('guests.import', { path, host: 'kvm', image: 'labos' })
  const there = other.lab.guest(view.id)
  expect(there.disk?.toBytes()).toEqual(disk?.toBytes())
  expect(await there.residence.machine.digests(BLOCK.ram)).toEqual(before)
  await other.call('guests.resume', { guest: view.id })
  expect(await ask(other, view.id, 'disk read 3', /DISK read lba=\d+ sum=(\w+) /)).toBe(sum)
  expect(await ask(other, view.id, 'disk test 10', /DISK (ok|failed) [^\r]*\r/)).toBe('ok')
})

test('the disk may be elsewhere; one that is not there, or of another size, is refused, and nothing is left behind', async () => {
  const { path, folder } = await exported()
  const moved = join(folder, 'moved.img')
  renameSync(`${path}.disk`, moved)
  const lab = await openLab(XEN_AND_KVM)
  const taken = (disk?: string) =>
    lab.call('guests.import', { path, host: 'xen', image: 'labos', ...(disk === undefined ? {} : { disk }) })
  await expect(taken()).rejects.toMatchObject({ code: 'import.disk' })
  await expect(taken()).rejects.toThrow(/has a disk of 2097152 bytes.*--disk/)
  const view = await taken(moved)
  await lab.call('guests.destroy', { guest: view.id })
  truncateSync(moved, 2 ** 20)
  await expect(taken(moved)).rejects.toThrow(/2097152 bytes.*has 1048576/)
  expect(await memoryUse(lab)).toEqual({ xen: 0, kvm: 0 })
})

test('a guest without a disk has no file of one, and is not given one', async () => {
  const { path, folder, written } = await exportedWithoutDisk()
  expect(written.disk).toBeNull()
  expect(written.command).not.toContain('-drive')
  expect(readdirSync(folder)).toEqual(['guest'])
  const lab = await openLab(XEN_AND_KVM)
  const refused = lab.call('guests.import', { path, host: 'xen', disk: path })
  await expect(refused).rejects.toMatchObject({ code: 'import.disk' })
})

test('a disk that cannot be written leaves no file of the guest either', async () => {
  const service = await openLab(XEN_AND_KVM)
  const { id: guest } = await createLabOs(service, { disk_MB: 1 })
  await service.call('guests.pause', { guest })
  const folder = newFolder()
  const path = join(folder, 'x'.repeat(247))
  await expect(service.call('guests.export', { guest, format: 'qemu', path })).rejects.toMatchObject({
    code: 'export.file',
  })
  expect(readdirSync(folder)).toEqual([])
  expect(existsSync(path)).toBe(false)
})

async function exportedWithoutDisk() {
  const service = await openLab(XEN_AND_KVM)
  const { id: guest } = await createLabOs(service)
  await service.call('guests.pause', { guest })
  const folder = newFolder()
  const path = join(folder, 'guest')
  return { folder, path, written: await service.call('guests.export', { guest, format: 'qemu', path }) }
}
