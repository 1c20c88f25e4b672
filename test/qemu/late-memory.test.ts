/** Memory that comes when its guest runs in QEMU already, without a QEMU. */
import { describe, expect, test } from 'vitest'
import type { PageBatch } from '../../engine/machine/machine.ts'
import { LateMemory, missingOf } from '../../engine/qemu/late-memory.ts'
import { memoryTrapRefusal } from '../../engine/qemu/memory-trap.ts'
import { Bitmap } from '../../engine/util/bitmap.ts'
import { BLOCK, PAGE_SIZE } from '../../engine/vmstate/blocks.ts'

const batchOf = (pages: readonly number[], zeroPages: readonly number[] = []): PageBatch => {
  const data = new Uint8Array(pages.length * PAGE_SIZE)
  pages.forEach((page, i) => data.fill(page, i * PAGE_SIZE, (i + 1) * PAGE_SIZE))
  return { block: BLOCK.ram, pages: Uint32Array.from(pages), zeroPages: Uint32Array.from(zeroPages), data }
}

/** Late memory in front of a QEMU that notes what it is given. */
function late(pages: readonly number[]) {
  const missing = new Bitmap(64)
  for (const page of pages) missing.add(page)
  const given: { pages: number[]; zeroPages: number[]; bytes: number[] }[] = []
  const faults: number[] = []
  let ends = 0
  let ask: (first: number, count: number) => void = () => undefined
  const qmp = { patient: false }
  const { late: memory } = LateMemory.begin({
    ...{ missing, qmp, bytes: new Uint8Array(0), onGiven: () => undefined },
    onFault: (page) => faults.push(page),
    arrival: {
      begin: (_, asked) => {
        ask = asked
        return Promise.resolve()
      },
      pages: ({ pages: full, zeroPages, data }) => {
        given.push({ pages: [...full], zeroPages: [...zeroPages], bytes: [...full].map((_, i) => data[i * PAGE_SIZE]) })
        return Promise.resolve()
      },
      end: () => {
        ends++
        return Promise.resolve()
      },
    },
  })
  return { memory, given, faults, qmp, ask: (first: number, count = 1) => ask(first, count), ends: () => ends }
}

describe('memory that comes late', () => {
  test('goes into QEMU once: what has come, and what was never missing, is left out', async () => {
    const { memory, given } = late([3, 4, 9])
    expect(await memory.supply(batchOf([2, 3, 4]))).toBe(1)
    expect(await memory.supply(batchOf([3, 9]))).toBe(0)
    expect(given).toEqual([
      { pages: [3, 4], zeroPages: [], bytes: [3, 4] },
      { pages: [9], zeroPages: [], bytes: [9] },
    ])
  })

  test('ends the stream with the last page, once, and QEMU has no more patience then', async () => {
    const { memory, qmp, ends } = late([1, 2])
    expect(qmp.patient).toBe(true)
    await memory.supply(batchOf([1]))
    expect(ends()).toBe(0)
    await Promise.all([memory.supply(batchOf([], [2])), memory.supply(batchOf([], [2]))])
    expect(ends()).toBe(1)
    expect(qmp.patient).toBe(false)
  })

  test('tells of a page that QEMU asks for until it is there, and how long it was waited for', async () => {
    const { memory, faults, ask } = late([5, 6])
    ask(5)
    ask(5)
    expect(faults).toEqual([5])
    await memory.supply(batchOf([5]))
    ask(5)
    expect(faults).toEqual([5])
    const told = memory.takeFaults()
    expect(told.map(({ page, requested }) => [page, requested])).toEqual([
      [5, true],
      [5, false],
    ])
    expect(told[0].stallMs).toBeGreaterThanOrEqual(0)
    expect(memory.takeFaults()).toEqual([])
  })

  test('is of RAM that there is', () => {
    expect(missingOf(undefined, 64)).toBeUndefined()
    expect(missingOf(new Uint8Array(8), 64)).toBeUndefined()
    expect(missingOf(Uint8Array.of(0b10), 64)?.numbers()).toEqual(Uint32Array.of(1))
    expect(() => missingOf(new Uint8Array(9), 64)).toThrow(expect.objectContaining({ code: 'machine.page-range' }))
  })
})

describe('whether memory may come late', () => {
  const system = (setting: string | null, capabilities: string) => (path: string) => {
    if (path.includes('userfaultfd')) {
      if (setting === null) throw new Error('ENOENT')
      return `${setting}\n`
    }
    return `Name:\tnode\nCapInh:\t0000000000000000\nCapEff:\t${capabilities}\n`
  }

  test('is up to the system: its setting, or what this process may', () => {
    expect(memoryTrapRefusal(system('0', '000001ffffffffff'))).toBeNull()
    expect(memoryTrapRefusal(system('1', '0000000000000000'))).toBeNull()
    expect(memoryTrapRefusal(system('0', '0000000000000400'))).toContain('sysctl vm.unprivileged_userfaultfd=1')
    expect(memoryTrapRefusal(system(null, '000001ffffffffff'))).toContain('has no userfaultfd')
  })
})
