/** Bytes, messages, memory, the page map, provenance, and exports in parts. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MessageView } from '../../engine/contract/messages.ts'
import { PAGE_STATE, PAGE_STATES } from '../../engine/contract/pages.ts'
import { HostMemory } from '../../engine/hypervisors/memory.ts'
import { P2m } from '../../engine/hypervisors/xen/p2m.ts'
import type { Palette } from '../../renderer/src/charts/looks.ts'
import { dump, fromBase64, u32FromBase64 } from '../../renderer/src/data/bytes.ts'
import { NO_FILTER } from '../../renderer/src/data/filtering.ts'
import {
  frameLimit,
  frameRuns,
  framesTold,
  frameSummary,
  rowsOf,
  slotBars,
  whereabouts,
} from '../../renderer/src/views/inspectors/memory-rows.ts'
import { totalsByType, withMessages } from '../../renderer/src/views/inspectors/messages.ts'
import {
  cellAfterKey,
  cellAt,
  cellStates,
  cellText,
  countStates,
  gridOf,
  mapSummary,
} from '../../renderer/src/views/inspectors/page-grid.ts'
import { paintCells, paintSquares, pixel, rgb, tileOf } from '../../renderer/src/views/inspectors/page-textures.ts'
import { csvOf } from '../../renderer/src/views/measurements/csv.ts'
import { busyWarning, provenanceLines } from '../../renderer/src/views/measurements/provenance.ts'

/** A page without colours: all ink is black, all ground white. */
const GREY: Palette = {
  text: '#000000',
  text2: '#000000',
  surface: '#ffffff',
  line: '#000000',
  axis: '#000000',
  good: '#000000',
  bad: '#000000',
  series: ['#000000', '#000000', '#000000', '#000000'],
  font: '',
}
const INK = pixel([0, 0, 0])

const message = (
  type: string,
  bytes_B = 100,
  direction: MessageView['direction'] = 'source-to-target',
): MessageView => {
  return { direction, type, stage: 2, bytes_B, at_ms: 1 }
}

describe('a dump of bytes', () => {
  const bytes = Uint8Array.from([0x46, 0x52, 0x00, 0x7f, 0x41, 0x20, 0xff])
  it('has offsets, pairs and what can be printed, line by line', () => {
    const lines = dump(bytes, 4, 0, null)
    expect(lines.map(({ offset, pieces, lacks }) => [offset, pieces.map(({ hex }) => hex), lacks])).toEqual([
      ['0000', ['46 52 00 7f'], 0],
      ['0004', ['41 20 ff'], 1],
    ])
    expect(lines.flatMap(({ pieces }) => pieces.map(({ text }) => text)).join('')).toBe('FR··A ·')
  })
  it('tells the marked bytes and those of the header from the others, each byte once, wherever they are', () => {
    const stretch = fc.record({ offset: fc.nat(50), bytes: fc.nat(50) })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), fc.option(stretch), (all, header, mark) => {
        const pieces = dump(all, 8, header, mark).flatMap((line) => line.pieces)
        const each = pieces.flatMap(({ hex, marked, header: head }) =>
          hex.split(' ').map((pair) => ({ byte: parseInt(pair, 16), marked, head })),
        )
        const expected = Array.from(all, (byte, at) => ({
          byte,
          marked: mark !== null && at >= mark.offset && at < mark.offset + mark.bytes,
          head: at < header,
        }))
        expect(each).toEqual(expected)
      }),
    )
  })
  it('comes from base64 as it went in', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (all) => {
        expect(fromBase64(Buffer.from(all).toString('base64'))).toEqual(Uint8Array.from(all))
      }),
    )
    expect([...u32FromBase64(Buffer.from(Uint32Array.of(1, 0xfffffffe).buffer).toString('base64'))]).toEqual([
      1, 0xfffffffe,
    ])
  })
})

describe('messages', () => {
  const four = [message('MIG_REQ'), message('REQ_OK', 30, 'target-to-source'), message('PAGES'), message('ACK')]
  it('take their places, across batches, each once', () => {
    const first = withMessages([], 0, four.slice(0, 2))
    const rows = withMessages(first, 1, four.slice(1))
    expect(rows.map(({ index, type }) => [index, type])).toEqual(four.map(({ type }, i) => [i, type]))
    expect(withMessages(rows, 2, four.slice(2))).toBe(rows)
    expect(first).toHaveLength(2)
  })
  it('wait for those that came before them', () => {
    const first = withMessages([], 0, four.slice(0, 1))
    expect(withMessages(first, 3, four.slice(3))).toBe(first)
  })
  it('are added up by type and direction', () => {
    const totals = totalsByType([message('PAGES'), message('ACK', 30, 'target-to-source'), message('PAGES', 200)])
    expect(totals).toEqual([
      { type: 'PAGES', direction: 'source-to-target', count: 2, bytes_B: 300 },
      { type: 'ACK', direction: 'target-to-source', count: 1, bytes_B: 30 },
    ])
  })
})

describe('memory', () => {
  const frames = Uint32Array.of(0xfffe, 0x7e, 0x7f, 0x80, 0x3)
  const slot = {
    name: 'slot 2: RAM',
    guest_address: 0x1000,
    bytes: 0x4000,
    target: 'userspace_addr 0x7f0000002000',
    logged: true,
    dirty_pages: 5,
  }
  it('keeps the p2m that is known where the lab tells the same one again', () => {
    const told = (...frames: number[]) => Buffer.from(Uint32Array.from(frames).buffer).toString('base64')
    const known = Uint32Array.of(7, 1, 4)
    expect(framesTold(known, told(7, 1, 4))).toBe(known)
    expect(framesTold(known, null)).toBe(known)
    expect(framesTold(known, told(7, 1, 5))).toEqual(Uint32Array.of(7, 1, 5))
    expect(framesTold(known, told(7, 1))).toEqual(Uint32Array.of(7, 1))
    expect(framesTold(null, null)).toBeNull()
  })
  it('makes stretches of the p2m, all of them, and rows as the lab makes them', () => {
    const runs = frameRuns(frames, (gfn) => gfn === 2)
    expect(runs).toEqual([
      { gfn: 0, mfn: 0xfffe, pages: 1, dirty: 0 },
      { gfn: 1, mfn: 0x7e, pages: 3, dirty: 1 },
      { gfn: 4, mfn: 3, pages: 1, dirty: 0 },
    ])
    const host = new HostMemory({ bytes: 64 * 4096, seed: 3 })
    const p2m = new P2m(host, 50)
    const rows = rowsOf(
      frameRuns(p2m.frames, () => false),
      false,
    )
    const told = p2m.describe(Infinity).map((row) => [row.name, row.guestAddress, row.bytes, row.target])
    expect(rows.map((row) => [row.name, row.guest_address, row.bytes, row.target])).toEqual(told)
    expect(p2m.stretches).toBe(rows.length)
    expect(frameLimit(frames)).toBe(65536)
    expect(frameSummary(frames)).toContain('2 of them are single pages')
  })
  it('reads KVM’s rows as slots', () => {
    const [bar] = slotBars([slot])
    expect(bar).toMatchObject({ hostFrom: 0x7f0000002000n, pages: 4, dirty: 5 })
  })
  it('says where a page lies: in a machine frame, or in a slot', () => {
    expect([0, 4, 5].map(whereabouts(frames, []))).toEqual(['MFN 0xfffe', 'MFN 0x3', ''])
    expect([0, 2].map(whereabouts(null, slotBars([slot])))).toEqual(['', 'slot 2: RAM, userspace 0x7f0000003000'])
  })
})

describe('the page map', () => {
  const { zero, clean, dirty, missing, sent } = PAGE_STATE
  const sizes = fc.record({
    width: fc.integer({ min: 1, max: 4000 }),
    height: fc.integer({ min: 1, max: 2200 }),
    pages: fc.integer({ min: 1, max: 262_144 }),
    least: fc.integer({ min: 1, max: 4 }),
  })
  it('has a place for every page at any size, and finds it again under the pointer', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), ({ width, height, pages, least }, some) => {
        fc.pre(width >= least && height >= least)
        const grid = gridOf(width, height, pages, least)
        const cells = Math.ceil(pages / grid.perCell)
        expect(grid.columns * grid.cell).toBeLessThanOrEqual(width)
        expect(grid.rows * grid.cell).toBeLessThanOrEqual(height)
        expect(grid.columns * grid.rows).toBeGreaterThanOrEqual(cells)
        const cell = some % cells
        const x = ((cell % grid.columns) + 0.5) * grid.cell
        const y = (Math.floor(cell / grid.columns) + 0.5) * grid.cell
        expect(cellAt(grid, pages, x, y)).toBe(cell)
      }),
    )
  })
  it('gives each page a cell of its own wherever that fits', () => {
    expect(gridOf(600, 300, 8192, 2)).toMatchObject({ perCell: 1, cell: 4 })
    expect(gridOf(200, 100, 32_768, 2).perCell).toBe(7)
  })
  it('never hides a dirty page among others that share its cell, and counts pages, not cells', () => {
    const states = Uint8Array.of(zero, zero, dirty, clean, sent, missing, sent, sent, sent)
    expect([...cellStates(states, 4)]).toEqual([dirty, missing, sent])
    expect(cellStates(states, 1)).toBe(states)
    const counts = countStates(states)
    expect([counts[zero], counts[dirty], counts[missing], counts[sent]]).toEqual([2, 1, 1, 4])
  })
  it('is told in words, as a whole and cell by cell', () => {
    const states = Uint8Array.of(zero, dirty, dirty)
    expect(mapSummary(states)).toBe('3 pages of RAM: 1 zero, 2 dirty.')
    expect(cellText(states, 1, 1, () => 'MFN 0x7')).toBe('Page 1 at 0x00001000: dirty, MFN 0x7')
    expect(cellText(states, 2, 0, () => 'x')).toBe('Pages 0–1 at 0x00000000: 1 zero, 1 dirty')
  })
  it('is walked by keys, and not left by them', () => {
    const grid = { columns: 10, rows: 3, cell: 4, perCell: 1 }
    const after = (key: string, cell: number) => cellAfterKey(key, cell, grid, 25)
    expect([after('ArrowRight', 24), after('ArrowDown', 3), after('ArrowUp', 3), after('End', 0)]).toEqual([
      24, 13, 0, 24,
    ])
    expect(after('x', 3)).toBeNull()
  })
  it('draws states that differ without colour, too', () => {
    const tiles = PAGE_STATES.map(({ name }) => tileOf(name, GREY, 1))
    const shapes = tiles.map(({ colours }) => [...colours].map((colour) => Number(colour === INK)).join(''))
    const atRest = [zero, clean, dirty].map((state) => shapes[state])
    const moving = [missing, sent, dirty, PAGE_STATE.resent, PAGE_STATE.live].map((state) => shapes[state])
    expect(new Set(atRest).size).toBe(atRest.length)
    expect(new Set(moving).size).toBe(moving.length)
  })
  it('reads colours in each form in which the palette has them, and takes no other for grey', () => {
    expect(rgb('#1f5d99')).toEqual([31, 93, 153])
    // As styles give the colours that are chosen by light and dark.
    expect(rgb('rgb(31, 93, 153)')).toEqual([31, 93, 153])
    expect(() => rgb('light-dark(#fff, #000)')).toThrow()
  })
  it('paints every cell within the canvas', () => {
    const pixels = new Uint32Array(10 * 6)
    const tiles = PAGE_STATES.map(({ name }) => tileOf(name, GREY, 1))
    paintCells(pixels, 10, { columns: 2, cell: 4 }, Uint8Array.of(clean, clean, clean), tiles, 1)
    expect([...pixels].filter((colour) => colour !== 0)).toHaveLength(9 + 9 + 6)
  })
  it('paints only the cells that are new, and says where they are', () => {
    const grid = { columns: 2, cell: 4 }
    const tiles = PAGE_STATES.map(({ name }) => tileOf(name, GREY, 1))
    const before = Uint8Array.of(clean, clean, clean, clean)
    const after = Uint8Array.of(clean, clean, clean, dirty)
    const whole = new Uint32Array(8 * 8)
    paintCells(whole, 8, grid, after, tiles, 0)
    const pixels = new Uint32Array(8 * 8)
    paintCells(pixels, 8, grid, before, tiles, 0)
    expect(paintCells(pixels, 8, grid, after, tiles, 0, before)).toEqual({ top: 4, bottom: 8 })
    expect(pixels).toEqual(whole)
    const { top, bottom } = paintCells(pixels, 8, grid, after, tiles, 0, after)
    expect(bottom).toBeLessThanOrEqual(top)
  })
  it('paints points as squares, cut off at the edges', () => {
    const pixels = new Uint32Array(4 * 4)
    const points = [
      [1, 1],
      [4, 4],
      [0, 3],
    ].flat()
    paintSquares(pixels, 4, points, 2, 7)
    const rows = Array.from({ length: 4 }, (_, y) => [...pixels.subarray(4 * y, 4 * y + 4)].join(''))
    expect(rows).toEqual(['7700', '7700', '7000', '7007'])
  })
})

describe('provenance', () => {
  it('becomes plain lines', () => {
    const lines = provenanceLines({
      os: { arch: 'x64' },
      memory_B: 2048,
      settings: { algorithms: ['a', 'b'], check: true },
      none: null,
    })
    expect(lines).toEqual([
      { name: 'os.arch', value: 'x64' },
      { name: 'memory_B', value: '2048 (2.00\u202fKiB)' },
      { name: 'settings.algorithms', value: 'a, b' },
      { name: 'settings.check', value: 'yes' },
    ])
  })
  it('warns of a busy machine only', () => {
    expect(busyWarning({ load_average_1min: 3.5, cores: 2 })).toContain('3.50 on 2 cores')
    expect(busyWarning({ load_average_1min: 1, cores: 2 })).toBeNull()
    expect(busyWarning({})).toBeNull()
  })
})

describe('an export', () => {
  const all = ['a', 'b', 'c', 'd', 'e']
  const asked: unknown[] = []
  const call = (_: string, { filter }: { filter: { limit: number; offset: number } }) => {
    asked.push(filter)
    const part = all.slice(filter.offset, filter.offset + filter.limit)
    return Promise.resolve({ csv: ['name', ...part].map((line) => `${line}\r\n`).join(''), runs: part.length })
  }
  const api = { call } as unknown as Parameters<typeof csvOf>[0]
  it('puts parts together under one header', async () => {
    expect(await csvOf(api, 'runs', NO_FILTER, 2)).toEqual({ csv: 'name\r\na\r\nb\r\nc\r\nd\r\ne\r\n', runs: 5 })
    expect(asked).toHaveLength(3)
  })
  it('takes all filters over, and does not put summaries together', async () => {
    const filter = { ...NO_FILTER, outcome: 'failed', direction: 'kvm-xen', text: ' busy ' } as const
    await csvOf(api, 'runs', filter)
    expect(asked.at(-1)).toEqual({
      outcome: 'failed',
      from_kind: 'kvm',
      to_kind: 'xen',
      text: ' busy ',
      limit: 10_000,
      offset: 0,
    })
    await expect(csvOf(api, 'summary', NO_FILTER, 2)).rejects.toThrow('at most 2 runs')
  })
})
