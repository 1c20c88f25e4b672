import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FerryError } from '../../engine/util/errors.ts'
import { HostMemory } from '../../engine/hypervisors/memory.ts'
import type { MemoryView } from '../../engine/hypervisors/memory-view.ts'
import { MemorySlots } from '../../engine/hypervisors/kvm/memory-slots.ts'
import { RamBlocks } from '../../engine/hypervisors/qemu/ram-blocks.ts'
import { INVALID_FRAME, P2m } from '../../engine/hypervisors/xen/p2m.ts'

const PAGE = 4096
const host = (pages: number, seed = 1): HostMemory => new HostMemory({ bytes: pages * PAGE, seed })
const PAGES = 2048
const makers: readonly [string, (h: HostMemory, pages: number) => MemoryView][] = [
  ['Xen', (h, pages) => new P2m(h, pages)],
  ['KVM', (h, pages) => new MemorySlots(h, pages)],
  ['QEMU', (h, pages) => new RamBlocks(h, pages)],
]
const errorOf = (action: () => unknown): FerryError => {
  try {
    action()
  } catch (thrown) {
    return FerryError.from(thrown)
  }
  throw new Error('no error')
}

describe('the memory of a host', () => {
  it('is handed out frame by frame, none twice, and comes back', () => {
    const memory = host(1000)
    const first = memory.reserve(300)
    const second = memory.reserve(700)
    expect(new Set([...first.frames, ...second.frames]).size).toBe(1000)
    expect(memory.freePages).toBe(0)
    memory.release(first)
    memory.release(first)
    expect(memory.freePages).toBe(300)
    expect([...memory.reserve(300).frames].sort((a, b) => a - b)).toEqual([...first.frames].sort((a, b) => a - b))
  })

  it('runs out with an error that names the pages needed and free', () => {
    const memory = host(100)
    memory.reserve(60)
    const error = errorOf(() => memory.reserve(41))
    expect(error.code).toBe('host.out-of-memory')
    expect(error.data).toEqual({ needed: 41, free: 40 })
    expect(memory.freePages).toBe(40)
  })

  it('scatters equally for equal seeds, and not in order', () => {
    const frames = (seed: number): number[] => [...host(5000, seed).reserve(1000).frames]
    expect(frames(1)).toEqual(frames(1))
    expect(frames(1)).not.toEqual(frames(2))
    expect(frames(1).filter((mfn, i, all) => mfn === (all[i - 1] ?? NaN) + 1).length).toBeLessThan(20)
  })
})

describe.each(makers)('a guest’s memory as %s sees it', (_kind, make) => {
  it('logs each page once, in ascending order, and forgets it when fetched with clear', () => {
    const pages = fc.array(fc.nat(PAGES - 1), { maxLength: 200 })
    fc.assert(
      fc.property(fc.array(fc.tuple(pages, fc.boolean()), { maxLength: 8 }), (rounds) => {
        const memory = make(host(PAGES), PAGES)
        memory.startLog()
        const expected = new Set<number>()
        for (const [changed, clear] of rounds) {
          memory.record(Uint32Array.from(changed))
          for (const page of changed) expected.add(page)
          expect(memory.stats()).toEqual({ faultCount: expected.size, dirtyCount: expected.size })
          expect([...memory.fetch(clear)]).toEqual([...expected].sort((a, b) => a - b))
          if (clear) expected.clear()
        }
        memory.release()
      }),
      { numRuns: 50 },
    )
  })

  it('forgets what was written while no log ran', () => {
    const memory = make(host(PAGES), PAGES)
    memory.record(Uint32Array.of(1))
    memory.startLog()
    expect(memory.fetch(true)).toHaveLength(0)
    memory.record(Uint32Array.of(2))
    memory.startLog()
    expect([...memory.fetch(false)]).toEqual([2])
    memory.stopLog()
    expect(memory.stats()).toEqual({ faultCount: 0, dirtyCount: 0 })
    expect(errorOf(() => memory.fetch(false)).code).toBe('memory.not-logging')
  })

  it('knows the guest’s pages only', () => {
    const memory = make(host(PAGES), PAGES)
    memory.startLog()
    expect(errorOf(() => memory.record(Uint32Array.of(PAGES))).code).toBe('memory.page')
  })

  it('takes its frames from the host and gives them back', () => {
    const h = host(PAGES + 10)
    const memory = make(h, PAGES)
    expect(h.freePages).toBe(10)
    expect(errorOf(() => make(h, 11)).code).toBe('host.out-of-memory')
    memory.release()
    memory.release()
    expect(h.freePages).toBe(PAGES + 10)
  })

  it('describes stretches that cover the RAM without gap or overlap', () => {
    const memory = make(host(PAGES), PAGES)
    memory.startLog()
    memory.record(Uint32Array.of(0, 1, 700))
    const rows = memory.describe(Infinity)
    let next = 0
    for (const row of rows) {
      expect(row.guestAddress).toBe(next)
      next += row.bytes
    }
    expect(next).toBe(PAGES * PAGE)
    expect(rows.reduce((sum, row) => sum + row.dirtyPages, 0)).toBe(3)
    expect(memory.describe(2)).toHaveLength(Math.min(2, rows.length))
  })
})

describe('the p2m', () => {
  const memory = new P2m(host(5000), 1000)

  it('is the inverse of the m2p', () => {
    for (let gfn = 0; gfn < 1000; gfn++) expect(memory.mfnToGfn(memory.gfnToMfn(gfn))).toBe(gfn)
    expect(memory.gfnToMfn(1000)).toBe(INVALID_FRAME)
    const own = new Set(Array.from({ length: 1000 }, (_, gfn) => memory.gfnToMfn(gfn)))
    const foreign = Array.from({ length: 5000 }, (_, mfn) => mfn).find((mfn) => !own.has(mfn)) ?? 0
    expect(memory.mfnToGfn(foreign)).toBe(INVALID_FRAME)
  })

  it('runs in shadow mode while it logs: CLEAN clears, PEEK does not, both return bitmap and statistics', () => {
    expect(memory.mode).toBe('direct')
    expect(errorOf(() => memory.shadowOp('CLEAN')).code).toBe('memory.not-logging')
    memory.shadowOp('ENABLE_LOGDIRTY')
    expect(memory.mode).toBe('shadow')
    memory.record(Uint32Array.of(0, 9, 9, 999))
    const peek = memory.shadowOp('PEEK')
    expect(peek.stats).toEqual({ fault_count: 3, dirty_count: 3 })
    expect(peek.bitmap).toHaveLength(125)
    expect([peek.bitmap?.[0], peek.bitmap?.[1], peek.bitmap?.[124]]).toEqual([1, 2, 0x80])
    expect(memory.shadowOp('CLEAN')).toEqual(peek)
    expect(memory.shadowOp('PEEK').stats).toEqual({ fault_count: 0, dirty_count: 0 })
    memory.shadowOp('OFF')
    expect(memory.mode).toBe('direct')
  })
})

describe('memory slots', () => {
  const memory = new MemorySlots(host(PAGES + 256), PAGES, 256)

  it('lie as on a PC', () => {
    expect(memory.slots().map((s) => [s.guest_phys_addr, s.memory_size, s.flags])).toEqual([
      [0, 0xa0000, 0],
      [0xa0000, 0x60000, 0],
      [0x100000, PAGES * PAGE - 0x100000, 0],
      [0xe0000000, 256 * PAGE, 0],
    ])
    expect(new Set(memory.slots().map((s) => s.userspace_addr)).size).toBe(4)
  })

  it('have a flag and a bitmap each, which is cleared when it is fetched', () => {
    memory.setFlags(2, 1)
    expect(memory.mode).toBe('logging')
    memory.record(Uint32Array.of(3, 256, 265, 0xe0000))
    expect(errorOf(() => memory.getDirtyLog(0)).code).toBe('memory.not-logging')
    expect([...memory.getDirtyLog(2).subarray(0, 2)]).toEqual([1, 2])
    expect([...memory.getDirtyLog(2).subarray(0, 2)]).toEqual([0, 0])
    expect(errorOf(() => memory.getDirtyLog(7)).code).toBe('memory.slot')
  })

  it('log the frame buffer too', () => {
    memory.startLog()
    memory.record(Uint32Array.of(0xe0001, 5))
    expect([...memory.fetch(true)]).toEqual([5, 0xe0001])
  })
})
