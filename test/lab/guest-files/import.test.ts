import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { qemu } from '../../../engine/hypervisors/qemu/qemu.ts'
import { streamTail, wholeVideo } from '../../../engine/hypervisors/qemu/stream/tail.ts'
import { ramPart, streamHead } from '../../../engine/hypervisors/qemu/stream/writer.ts'
import { QemuFile } from '../../../engine/lab/guest-files/qemu-file.ts'
import { FerryError } from '../../../engine/util/errors.ts'
import { BLOCK } from '../../../engine/vmstate/blocks.ts'
import { atRest } from '../../hypervisors/qemu/at-rest.ts'
import { TestQemu } from '../../hypervisors/qemu/qemu-process.ts'
import { because, lacks, NEEDS } from '../../setup/needs.ts'
import { consoleOf, createLabOs, memoryUse, openLab, viewOf, XEN_AND_KVM } from '../lab-fixture.ts'

const MIB = 2 ** 20

function newFile(bytes?: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'ferry-import-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'guest.qemu')
  if (bytes !== undefined) writeFileSync(path, bytes)
  return path
}

async function exported(workload = 'dirty:500') {
  const service = await openLab(XEN_AND_KVM)
  const { id: guest } = await createLabOs(service, { workload, heartbeat_ms: 50 })
  await service.call('guests.pause', { guest })
  const path = newFile()
  await service.call('guests.export', { guest, format: 'qemu', path })
  return { service, guest, path }
}

/** A whole stream of a guest at rest, all of whose memory is zeros. */
function smallStream(): Uint8Array {
  const shape = { ramBytes: 8 * MIB, vgaBytes: MIB }
  const state = atRest()
  const none = { pages: new Uint32Array(0), data: new Uint8Array(0) }
  const zeroPages = Uint32Array.from({ length: shape.ramBytes / 4096 }, (_, page) => page)
  const video = wholeVideo(state.vga, { vgaPlanes: new Uint8Array(4 * 65536), vgaFramebuffer: new Uint8Array(MIB) })
  const parts = [streamHead(shape), ramPart([{ block: 'ram', ...none, zeroPages }])]
  return Buffer.concat([...parts, streamTail(qemu.pack(state), video, new Uint8Array(32768))])
}

/** How a file fares: its error's code, or `taken`. */
async function fate(bytes: Uint8Array): Promise<string> {
  try {
    const file = await QemuFile.open(newFile(bytes))
    await file.load(() => Promise.resolve()).finally(() => file.close())
    return 'taken'
  } catch (thrown) {
    if (thrown instanceof FerryError) return thrown.code
    throw thrown
  }
}
const NAMED = /^(qemu|native|import|vmstate)\.[a-z-]+$/

test('a guest that was exported runs on in another lab: memory as it was, no beat lost, its own check ok', async () => {
  const { service, guest, path } = await exported()
  const before = await service.lab.guest(guest).residence.machine.digests(BLOCK.ram)
  const [{ mac, ip } = { mac: '', ip: '' }] = await service.call('guests.list', {})
  const last = Number(/HB (\d+) [^\n]*\n[^\n]*$/.exec(await consoleOf(service, guest))?.[1])
  const other = await openLab(XEN_AND_KVM)
  const view = await other.call('guests.import', { path, host: 'kvm', image: 'labos' })
  expect(view).toMatchObject({ name: 'labos-1', host: 'kvm', state: 'paused', ram_B: 16 * MIB, mac, ip })
  expect(await other.lab.guest(view.id).residence.machine.digests(BLOCK.ram)).toEqual(before)
  await other.call('guests.resume', { guest: view.id })
  expect(await other.call('guests.check', { guest: view.id })).toMatchObject({ ok: true })
  expect(Number(/HB (\d+) /.exec(await consoleOf(other, view.id))?.[1])).toBe(last + 1)
})

test('a file is at a path or handed over, not both, and not neither', async () => {
  const service = await openLab(XEN_AND_KVM)
  const none = service.call('guests.import', { host: 'kvm' })
  await expect(none).rejects.toMatchObject({ code: 'lab.input' })
  const both = service.call('guests.import', { host: 'kvm', path: '/x', upload: 'one-and-the-other' })
  await expect(both).rejects.toMatchObject({ code: 'lab.input' })
  const gone = service.call('guests.import', { host: 'kvm', upload: 'never-came' })
  await expect(gone).rejects.toMatchObject({ code: 'upload.unknown' })
})

test('it is not taken in beside itself, nor under a name that is taken, nor where there is no room', async () => {
  const { service, path } = await exported('idle')
  const used = await memoryUse(service)
  const taken = (input: object) => service.call('guests.import', { path, host: 'kvm', ...input })
  await expect(taken({})).rejects.toMatchObject({ code: 'guest.address' })
  await expect(taken({ host: 'elsewhere' })).rejects.toMatchObject({ code: 'host.unknown' })
  const other = await openLab([{ name: 'small', kind: 'kvm', memory_MB: 16 }])
  await expect(other.call('guests.import', { path, host: 'small' })).rejects.toMatchObject({
    code: 'host.out-of-memory',
  })
  expect(await memoryUse(service)).toEqual(used)
  expect(await memoryUse(other)).toEqual({ small: 0 })
  expect(await other.call('guests.list', {})).toEqual([])
})

describe('what is no such file is refused by name', () => {
  const whole = smallStream()

  test('a whole one is taken', async () => {
    expect(await fate(whole)).toBe('taken')
  })

  test.each([
    ['nothing', new Uint8Array(0), 'qemu.stream'],
    ['text', Buffer.from('#!/bin/sh\necho a guest\n'.repeat(1000)), 'qemu.magic'],
    ['another machine', Buffer.from(whole).fill('pc-q35-9.9xxxxx', 13, 28), 'qemu.machine-type'],
    // The list of blocks follows the configuration (9 + 4 + 15 bytes) and the head of the section (20 bytes).
    ['memory without end', Buffer.from(whole).fill(0xff, 44, 51), 'qemu.stream'],
  ])('%s', async (_, bytes, code) => {
    expect(await fate(bytes)).toBe(code)
  })

  test('a file that ends too early, wherever', async () => {
    // All is there where only the description of what was in it, type and length first, is missing.
    const complete = Buffer.from(whole).indexOf('{"') - 5
    const anywhere = fc.integer({ min: 0, max: whole.length - 1 }).map((at) => (at === complete ? 0 : at))
    const cut = async (at: number) => {
      expect(await fate(whole.subarray(0, at))).toMatch(NAMED)
    }
    await fc.assert(fc.asyncProperty(anywhere, cut), { numRuns: 25 })
  })

  test('a file of which any bytes are others: refused, or a guest', async () => {
    const spoil = fc.record({
      at: fc.integer({ min: 0, max: whole.length - 1 }),
      value: fc.integer({ min: 0, max: 255 }),
    })
    const spoilt = async (changes: { at: number; value: number }[]) => {
      const bytes = Buffer.from(whole)
      for (const { at, value } of changes) bytes[at] = value
      expect(await fate(bytes)).toMatch(/^taken$|^(qemu|native|import|vmstate)\./)
    }
    await fc.assert(fc.asyncProperty(fc.array(spoil, { minLength: 1, maxLength: 4 }), spoilt), { numRuns: 40 })
  })

  test('a folder, and what is not there', async () => {
    const service = await openLab(XEN_AND_KVM)
    for (const path of [tmpdir(), join(tmpdir(), 'ferry-no-such-file')]) {
      const refused = service.call('guests.import', { path, host: 'xen' })
      await expect(refused).rejects.toMatchObject({ code: 'import.file' })
    }
  })
})

const missing = lacks(NEEDS.qemu)
test.skipIf(missing !== undefined)(
  `a file that a real QEMU wrote is a guest here, in every kind of host, and runs on${because(missing)}`,
  async () => {
    const { path } = await exported()
    const there = await new TestQemu({
      ramBytes: 16 * MIB,
      vgaBytes: MIB,
      mac: '02:fe:00:00:01:01',
      incoming: true,
    }).start()
    onTestFinished(() => there.close())
    await there.load(path)
    await there.waitFor(/HB \d+ .*\n/)
    const saved = newFile()
    await there.save(saved)
    const last = Number([...there.serial.matchAll(/HB (\d+) [^\n]*\n/g)].at(-1)?.[1])
    for (const kind of ['xen', 'kvm', 'qemu'] as const) {
      const lab = await openLab([{ name: 'host', kind }])
      const { id: guest } = await lab.call('guests.import', { path: saved, host: 'host', image: 'labos', name: 'back' })
      expect(await viewOf(lab, guest)).toMatchObject({ name: 'back', state: 'paused' })
      await lab.call('guests.resume', { guest })
      expect(await lab.call('guests.check', { guest })).toMatchObject({ ok: true })
      expect(Number(/HB (\d+) /.exec(await consoleOf(lab, guest))?.[1])).toBe(last + 1)
    }
  },
)
