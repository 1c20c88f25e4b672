/** The state of every page of real guests, at rest and on their way. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { PAGE_STATE, PAGE_STATES, type PageStateName } from '../../engine/contract/pages.ts'
import type { LabService } from '../../engine/lab/service.ts'
import { BLOCK } from '../../engine/vmstate/blocks.ts'
import { variants } from '../setup/variants.ts'
import { createLabOs, openLab, viewOf, XEN_AND_KVM } from './lab-fixture.ts'

const PAGES = (16 << 20) / 4096

async function look(service: LabService, guest: string) {
  const { states, ...view } = await service.call('guests.pages', { guest })
  const bytes = Buffer.from(states, 'base64')
  const counts: Record<PageStateName, number> = { zero: 0, clean: 0, dirty: 0, missing: 0, sent: 0, resent: 0, live: 0 }
  for (const state of bytes) counts[PAGE_STATES[state].name]++
  return { ...view, bytes, counts }
}

test('the legend names every number once, in their order', () => {
  expect(PAGE_STATES.map(({ name }) => PAGE_STATE[name])).toEqual(PAGE_STATES.map((_, i) => i))
  expect(Object.keys(PAGE_STATE)).toEqual(PAGE_STATES.map(({ name }) => name))
})

test('at rest a page is zero where all its bytes are, and clean elsewhere', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  await service.call('guests.pause', { guest: guest.id })
  const { bytes, counts, ...view } = await look(service, guest.id)
  expect(view).toEqual({ host: 'xen', run_id: null, pages: PAGES })
  expect(counts.zero + counts.clean).toBe(PAGES)
  const all = Uint32Array.from({ length: PAGES }, (_, page) => page)
  const { machine } = service.lab.guest(guest.id).residence
  const { zeroPages, pages, data } = await machine.readPages({ block: BLOCK.ram, pages: all })
  expect(data.length).toBe(4096 * pages.length)
  expect([...zeroPages].every((page) => bytes[page] === PAGE_STATE.zero)).toBe(true)
  expect([...pages].every((page) => bytes[page] === PAGE_STATE.clean)).toBe(true)
  expect(zeroPages.length).toBeGreaterThan(100)
  expect(pages.length).toBeGreaterThan(100)
})

test('while a dirty log runs, written pages are dirty, and looking does not clear them', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service, { workload: 'dirty:3000' })
  const { machine } = service.lab.guest(guest.id).residence
  await machine.dirtyLogStart()
  await sleep(300)
  await service.call('guests.pause', { guest: guest.id })
  const first = await look(service, guest.id)
  const second = await look(service, guest.id)
  expect(first.counts.dirty).toBeGreaterThan(10)
  expect(second.bytes.equals(first.bytes)).toBe(true)
  const logged = (await machine.dirtyLogFetch(true)).find(({ block }) => block === BLOCK.ram)?.pages ?? []
  expect([...first.bytes.keys()].filter((page) => first.bytes[page] === PAGE_STATE.dirty)).toEqual([...logged])
  expect((await look(service, guest.id)).counts.dirty).toBe(0)
})

test('a page beyond the end of a block cannot be asked about', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const { machine } = service.lab.guest(guest.id).residence
  const beyond = { block: BLOCK.ram, first: PAGES - 1, count: 2 }
  await expect(machine.zeroPages(beyond)).rejects.toMatchObject({ code: 'machine.page-range' })
  expect(await machine.zeroPages({ block: BLOCK.ram, first: PAGES, count: 0 })).toHaveLength(0)
})

test('on its way with pre-copy: missing, then sent, dirty and resent, and live on arrival', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service, { workload: 'dirty:1500,2' })
  const seen = { missing: 0, sent: 0, dirty: 0, resent: 0, live: 0, zero: 0, clean: 0 }
  const input = { guest: guest.id, to: 'kvm', algorithms: ['pre-copy'], link: '100M', verify_ram: true }
  const { run_id } = await service.call('migrations.start', input)
  const report = service.call('migrations.wait', { run_id })
  let sentOnce = new Set<number>()
  for (let over = false; !over;) {
    const { run_id: of, bytes, counts } = await look(service, guest.id)
    if (of === null) break
    expect(of).toBe(run_id)
    for (const name of Object.keys(seen) as PageStateName[]) seen[name] = Math.max(seen[name], counts[name])
    const there = new Set([...bytes.keys()].filter((page) => bytes[page] !== PAGE_STATE.missing))
    // What was sent once is never missing again.
    expect([...sentOnce].every((page) => there.has(page))).toBe(true)
    sentOnce = there
    over = counts.live === PAGES
    await sleep(40)
  }
  expect(await report).toMatchObject({ outcome: 'completed', ram_equal: true, guest_check: 'ok' })
  expect(seen).toMatchObject({ zero: 0, clean: 0, live: PAGES })
  for (const name of ['missing', 'sent', 'dirty', 'resent'] as const) expect(seen[name]).toBeGreaterThan(0)
  const after = await look(service, guest.id)
  expect(after).toMatchObject({ host: 'kvm', run_id: null })
  expect(after.counts.zero + after.counts.clean).toBe(PAGES)
})

test('on its way with stop-and-copy: pages go from missing to sent, and become live', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const input = { guest: guest.id, to: 'kvm', algorithms: ['stop-and-copy'], link: '100M', check: true }
  const { run_id } = await service.call('migrations.start', input)
  const report = service.call('migrations.wait', { run_id })
  const seen = new Set<string>()
  for (;;) {
    const { run_id: of, counts } = await look(service, guest.id)
    if (of === null) break
    for (const [name, count] of Object.entries(counts)) if (count > 0) seen.add(name)
    if (counts.live === PAGES) break
    await sleep(40)
  }
  expect((await report).outcome).toBe('completed')
  expect([...seen].sort()).toEqual(['live', 'missing', 'sent'])
})

test.each(variants(['pull-copy'], ['hybrid']))(
  'on its way with %s the guest runs while pages are missing, until all are live',
  async (name) => {
    const service = await openLab(XEN_AND_KVM)
    const guest = await createLabOs(service, { workload: 'dirty:500,2' })
    const input = { guest: guest.id, to: 'kvm', algorithms: [name], link: '100M', verify_ram: true }
    const { run_id } = await service.call('migrations.start', input)
    const report = service.call('migrations.wait', { run_id })
    let between = 0
    let lived = 0
    for (;;) {
      const { run_id: of, counts } = await look(service, guest.id)
      if (of === null) break
      if (counts.live > 0) {
        // What changed after it was sent is out of date there.
        expect(counts.live + counts.missing + counts.dirty).toBe(PAGES)
        expect(counts.live).toBeGreaterThanOrEqual(lived)
        lived = counts.live
        if (counts.live < PAGES) between++
        else break
      }
      await sleep(20)
    }
    expect(await report).toMatchObject({ outcome: 'completed', ram_equal: true, guest_check: 'ok' })
    expect(between).toBeGreaterThan(0)
  },
)

test('a migration that is cancelled leaves a guest at rest where it was', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service, { workload: 'dirty:500' })
  const { run_id } = await service.call('migrations.start', { guest: guest.id, to: 'kvm', link: '10M' })
  await sleep(800)
  await service.call('migrations.cancel', { run_id })
  await service.call('migrations.wait', { run_id })
  const { counts, ...view } = await look(service, guest.id)
  expect(view).toMatchObject({ host: 'xen', run_id: null })
  expect(counts.zero + counts.clean).toBe(PAGES)
  expect((await viewOf(service, guest.id))?.state).toBe('running')
})

test('the whole p2m is told, and how many stretches there are beyond the rows', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const few = await service.call('guests.memory', { guest: guest.id, rows: 5 })
  expect(few).toMatchObject({ frames: null, pages: PAGES })
  const all = await service.call('guests.memory', { guest: guest.id, rows: 4096, frames: true })
  expect(few.rows).toEqual(all.rows.slice(0, 5))
  expect(few.rows_total).toBe(all.rows_total)
  expect(all.rows).toHaveLength(all.rows_total)
  const table = Buffer.from(all.frames ?? '', 'base64')
  const frames = Array.from({ length: PAGES }, (_, gfn) => table.readUInt32LE(4 * gfn))
  expect(new Set(frames).size).toBe(PAGES)
  for (const row of all.rows) {
    expect(row.target.slice(4).split('–')[0]).toBe(frames[row.guest_address / 4096].toString(16))
  }
  await service.call('migrations.wait', await service.call('migrations.start', { guest: guest.id, to: 'kvm' }))
  const slots = await service.call('guests.memory', { guest: guest.id, frames: true })
  expect(slots).toMatchObject({ kind: 'kvm', frames: null, rows_total: slots.rows.length })
})
