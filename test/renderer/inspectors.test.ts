/** Frame headers, totals of messages, rows of memory, provenance, and exports in parts. */
import { describe, expect, it } from 'vitest'
import type { MessageView } from '../../engine/contract/lab.ts'
import { encodeHeader, HEADER_BYTES, TYPE } from '../../engine/migration/protocol/frame.ts'
import * as header from '../../renderer/src/views/inspectors/frame-header.ts'
import {
  frameLimit,
  frameRuns,
  memorySummary,
  memoryTotals,
  slotBars,
} from '../../renderer/src/views/inspectors/memory-rows.ts'
import { totalsByType, withMessages } from '../../renderer/src/views/inspectors/messages.ts'
import { csvOf } from '../../renderer/src/views/measurements/csv.ts'
import { busyWarning, provenanceLines } from '../../renderer/src/views/measurements/provenance.ts'

const message = (
  type: string,
  bytes_B = 100,
  direction: MessageView['direction'] = 'source-to-target',
): MessageView => {
  return { direction, type, stage: 2, bytes_B, at_ms: 1 }
}

describe('a frame’s header', () => {
  it('has the engine’s numbers and size', () => {
    expect(header.TYPE_NUMBERS).toEqual(TYPE)
    expect(header.HEADER_BYTES).toBe(HEADER_BYTES)
  })
  it('is what the engine writes, but for what is not kept', () => {
    const written = encodeHeader(TYPE.PAGES, 0, 2, 513, [new Uint8Array(76)])
    const known = (header.headerFields(message('PAGES'), 513) ?? []).flatMap(({ hex }) => hex.split(' '))
    expect(known).toHaveLength(HEADER_BYTES)
    known.forEach((pair, i) => {
      if (pair !== '··') expect(parseInt(pair, 16)).toBe(written[i])
    })
    expect(known.filter((pair) => pair === '··')).toHaveLength(8)
  })
  it('leaves the sequence open where the record began later, and says nothing of types it does not know', () => {
    expect(header.headerFields(message('ACK'), null)?.find(({ name }) => name === 'sequence')?.hex).toBe('·· ·· ·· ··')
    expect(header.headerFields(message('NEW'), 1)).toBeNull()
  })
})

describe('messages', () => {
  it('are numbered within their direction, across batches', () => {
    const first = withMessages([], [message('MIG_REQ'), message('REQ_OK', 30, 'target-to-source')])
    const rows = withMessages(first, [message('PAGES'), message('ACK', 30, 'target-to-source')])
    expect(rows.map(({ index, sequence }) => [index, sequence])).toEqual([
      [0, 0],
      [1, 0],
      [2, 1],
      [3, 1],
    ])
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
  const row = (name: string, guest_address: number, bytes: number, target: string, dirty_pages = 0) => {
    return { name, guest_address, bytes, target, logged: true, dirty_pages }
  }
  const p2m = [row('GFN 0', 0, 4096, 'MFN fffe', 1), row('GFN 1–2', 4096, 8192, 'MFN 7e–7f')]
  it('reads Xen’s rows as frames', () => {
    const runs = frameRuns(p2m)
    expect(runs).toEqual([
      { gfn: 0, mfn: 0xfffe, pages: 1, dirty: 1 },
      { gfn: 1, mfn: 0x7e, pages: 2, dirty: 0 },
    ])
    expect(frameLimit(runs)).toBe(65536)
  })
  it('reads KVM’s rows as slots', () => {
    const [slot] = slotBars([row('slot 0', 0, 655360, 'userspace_addr 0x7f0000000000', 5)])
    expect(slot).toMatchObject({ hostFrom: 0x7f0000000000n, pages: 160, dirty: 5 })
  })
  it('says what the list leaves out', () => {
    const view = { kind: 'xen' as const, mode: 'shadow', pages: 10, rows: p2m }
    expect(memoryTotals(view)).toEqual({ pages: 10, dirty: 1, logged: true, missing: 7 })
    expect(memorySummary(view)).toContain('1 of them are single pages')
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
    expect(await csvOf(api, 'runs', '', 2)).toEqual({ csv: 'name\r\na\r\nb\r\nc\r\nd\r\ne\r\n', runs: 5 })
    expect(asked).toHaveLength(3)
  })
  it('takes the outcome over, and does not put summaries together', async () => {
    await csvOf(api, 'runs', 'failed')
    expect(asked.at(-1)).toMatchObject({ outcome: 'failed' })
    await expect(csvOf(api, 'summary', '', 2)).rejects.toThrow('at most 2 runs')
  })
})
