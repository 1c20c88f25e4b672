import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { MOST_PIECE_BYTES } from '../../../engine/contract/uploads.ts'
import { BLOCK } from '../../../engine/vmstate/blocks.ts'
import { TestQemu } from '../../hypervisors/qemu/qemu-process.ts'
import { readSavedDomain } from '../../hypervisors/xen/save-image-reader.ts'
import { because, lacks, NEEDS } from '../../setup/needs.ts'
import { createLabOs, openLab, viewOf, XEN_AND_KVM } from '../lab-fixture.ts'

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ferry-export-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function pausedGuest(host: 'xen' | 'kvm') {
  const service = await openLab(XEN_AND_KVM)
  const { id: guest } = await createLabOs(service, { host, workload: 'dirty:500' })
  await service.call('guests.pause', { guest })
  return { service, guest, machine: service.lab.guest(guest).residence.machine }
}

test.each(['xen', 'kvm'] as const)(
  'a guest on %s, saved for Xen, is read by the published format: memory, time, HVM context',
  async (host) => {
    const { service, guest, machine } = await pausedGuest(host)
    const path = join(newFolder(), 'guest.xen')
    const written = await service.call('guests.export', { guest, format: 'xen', path })
    const file = readFileSync(path)
    const saved = readSavedDomain(file)
    expect(written).toMatchObject({ path, bytes: file.length, pages: 4096 })
    expect(saved).toMatchObject({ version: 3, type: 2, xen: '4.17' })
    // Static data ends before the first page; TSC before the context; nothing follows END.
    expect([...new Set(saved.records)]).toEqual([16, 1, 8, 9, 0])
    const { state } = { state: await machine.capture() }
    expect(saved.tsc).toMatchObject({ mode: 0, khz: state.cpu.tscKHz })
    const codes = saved.context.map(({ code }) => code)
    expect(codes[0]).toBe(1)
    expect(codes.at(-1)).toBe(0)
    const cpu = saved.context.find(({ code }) => code === 2)?.bytes
    // hvm_hw_cpu: 512 bytes of FPU, then rax … r15, rip at 640, rflags at 648, cr0 at 656.
    expect(cpu?.readBigUInt64LE(640)).toBe(BigInt(state.cpu.eip))
    expect(cpu?.readBigUInt64LE(656)).toBe(BigInt(state.cpu.cr0))
    const pages = Uint32Array.from([...saved.pages.keys()])
    expect(pages.length).toBe(4096 - 32)
    const memory = await machine.readPages({ block: BLOCK.ram, pages })
    memory.pages.forEach((page, i) => {
      const own = memory.data.subarray(i * 4096, (i + 1) * 4096)
      expect(Buffer.compare(saved.pages.get(page) ?? Buffer.alloc(0), own), `page ${page}`).toBe(0)
    })
    for (const page of memory.zeroPages) expect(saved.pages.get(page)?.every((byte) => byte === 0)).toBe(true)
    expect(await viewOf(service, guest)).toMatchObject({ state: 'paused' })
    await service.call('guests.resume', { guest })
  },
)

const missing = lacks(NEEDS.qemu)
test.skipIf(missing !== undefined)(
  `a guest saved for QEMU runs on in one that is started by the command that was told${because(missing)}`,
  async () => {
    const { service, guest, machine } = await pausedGuest('kvm')
    const path = join(newFolder(), 'the guest.qemu')
    const written = await service.call('guests.export', { guest, format: 'qemu', path })
    expect(written).toMatchObject({ bytes: readFileSync(path).length, pages: 4096 })
    const { stdout } = spawnSync('sh', ['-c', `printf '%s\\n' ${written.command ?? ''}`], { encoding: 'utf8' })
    const { ramBytes, vgaBytes, mac } = machine.config
    expect(stdout.split('\n')).toContain(`exec:cat '${path}'`)
    expect(stdout).toContain(`mac=${mac}`)
    const there = await new TestQemu({ ramBytes, vgaBytes, mac, incoming: true }).start()
    onTestFinished(() => there.close())
    await there.load(path)
    there.type('check\n')
    expect(await there.waitFor(/CHECK .*\n/)).toMatch(/^CHECK ok .* errors=0/)
    await service.call('guests.resume', { guest })
  },
)

test('a guest with a disk is not handed to who gets one file, and it is said how both are had', async () => {
  const service = await openLab(XEN_AND_KVM)
  const { id: guest } = await createLabOs(service, { disk_MB: 1 })
  await service.call('guests.pause', { guest })
  const fetched = service.call('guests.export', { guest, format: 'qemu', download: 'download-1' })
  await expect(fetched).rejects.toThrow('ferry export')
  const path = join(newFolder(), 'guest.qemu')
  await service.call('guests.export', { guest, format: 'qemu', path })
  const file = readFileSync(path)
  for (let offset = 0; offset < file.length; offset += MOST_PIECE_BYTES) {
    const data = file.subarray(offset, offset + MOST_PIECE_BYTES).toString('base64')
    await service.call('uploads.piece', { upload: 'upload-01', offset, data })
  }
  const handed = service.call('guests.import', { upload: 'upload-01', file: 'guest.qemu', host: 'kvm' })
  await expect(handed).rejects.toThrow('ferry import')
})

test('what is not paused is not written, and says what to do', async () => {
  const { service, guest } = await pausedGuest('xen')
  await service.call('guests.resume', { guest })
  const path = join(newFolder(), 'guest.xen')
  const refused = service.call('guests.export', { guest, format: 'xen', path })
  await expect(refused).rejects.toMatchObject({ code: 'guest.not-paused' })
  expect(existsSync(path)).toBe(false)
})

test('a file that cannot be written leaves the guest paused and nothing behind', async () => {
  const { service, guest } = await pausedGuest('xen')
  const folder = newFolder()
  writeFileSync(join(folder, 'file'), '')
  const refused = service.call('guests.export', { guest, format: 'xen', path: join(folder, 'file', 'guest.xen') })
  await expect(refused).rejects.toMatchObject({ code: 'export.file' })
  expect(readdirSync(folder)).toEqual(['file'])
  expect(await viewOf(service, guest)).toMatchObject({ state: 'paused' })
})
