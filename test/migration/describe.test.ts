/** Frames as fields: held to the encoder, for every type of message. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describeFrame } from '../../engine/migration/protocol/describe.ts'
import { HEADER_BYTES, TYPE } from '../../engine/migration/protocol/frame.ts'
import type { MessageName } from '../../engine/migration/protocol/frame.ts'
import { keptHead } from '../../engine/migration/protocol/heads.ts'
import { jsonLeaves } from '../../engine/migration/protocol/json-fields.ts'
import { encodeMessage } from '../../engine/migration/protocol/messages.ts'
import type { Message } from '../../engine/migration/protocol/messages.ts'
import { encodeState } from '../../engine/vmstate/codec.ts'
import { SECTION_NAMES } from '../../engine/vmstate/state.ts'
import { zeroState } from './stub-translator.ts'

const state = encodeState({ ...zeroState(), capturedAtNs: 1_700_000_000_000_000_000n })
const cut = 32 + 16 + new DataView(state.buffer).getUint32(32 + 8, true)
const refusal = { code: 'host.memory', message: 'There is „too little“ memory, 10 €.' }
const pages = {
  block: 0 as const,
  zeroPages: Uint32Array.from([1, 2, 3, 9]),
  pages: Uint32Array.from([4, 5, 7]),
  data: new Uint8Array(3 * 4096).fill(0xab),
}

/** One of each, with what its fields have to say: path → value. */
const SAMPLES: readonly (readonly [Message, Readonly<Record<string, string>>])[] = [
  [
    {
      type: 'MIG_REQ',
      body: {
        session: 'a-b',
        source: { name: 'xen', kind: 'xen' },
        guest: {
          id: 'g1',
          name: 'labos-1',
          ramBytes: 16 << 20,
          blocks: [{ id: 0, name: 'ram', bytes: 16 << 20 }],
          devices: ['i8259', 'ne2k'],
          cpuFeatures: [],
        },
        formatVersion: 1,
        algorithms: ['pre-copy'],
        verify: 'all',
        clock: 'continue',
        link: '1G',
      },
    },
    {
      session: 'a-b',
      'source.kind': 'xen',
      'guest.ramBytes': '16777216',
      'guest.blocks[0].name': 'ram',
      'guest.devices[1]': 'ne2k',
      'guest.cpuFeatures': '[]',
      link: '1G',
    },
  ],
  [
    { type: 'REQ_OK', body: { target: { name: 'kvm', kind: 'kvm' }, algorithm: 'pre-copy', rehearsal: true } },
    { 'target.name': 'kvm', algorithm: 'pre-copy', rehearsal: 'true' },
  ],
  [{ type: 'REQ_FAIL', body: refusal }, refusal],
  [
    {
      type: 'MIG_CFG',
      body: {
        algorithm: 'pre-copy',
        machine: { ramBytes: 16 << 20, vgaBytes: 1 << 20, mac: '02:fe:00:00:01:01', apic: false, disk: null },
        extras: { 'xm.cfg': 'memory = 16\n' },
      },
    },
    { 'machine.mac': '02:fe:00:00:01:01', 'machine.disk': 'null', 'extras.xm.cfg': 'memory = 16\n' },
  ],
  [{ type: 'CFG_OK', body: {} }, { body: '{}' }],
  [{ type: 'CFG_FAIL', body: refusal }, refusal],
  [{ type: 'MEM_BEG', body: { pagesTotal: 4552 } }, { pagesTotal: '4552' }],
  [
    {
      type: 'PAGES',
      body: { batch: pages, hold: false, encoding: { deltas: true, compression: 'zstd', crc: 77, bytes: state } },
    },
    { flags: '10', crc: '77', pageCount: '3', pages: '4–5, 7' },
  ],
  [
    { type: 'PAGES', body: { batch: pages, hold: true } },
    { block: '0', flags: '1', zeroCount: '4', pageCount: '3', zeroPages: '1–3, 9', pages: '4–5, 7' },
  ],
  [
    { type: 'ROUND_END', body: { round: 2, pages: 77 } },
    { round: '2', pages: '77' },
  ],
  [
    { type: 'ACK', body: { of: 'round', number: 2 } },
    { of: 'round', number: '2' },
  ],
  [
    { type: 'REHEARSAL', body: { number: 1, bytes: state } },
    { number: '1', 'container.length': String(state.length), 'cpu.id': '1' },
  ],
  [
    { type: 'CPU_BEG', body: { stateBytes: state.length, pagesSent: 5000, bytes: state.subarray(0, cut) } },
    {
      stateBytes: String(state.length),
      pagesSent: '5000',
      'container.magic': '0x534d567972726546',
      'cpu.version': '1',
    },
  ],
  [
    { type: 'DEV_BEG', body: { bytes: state.subarray(cut) } },
    { 'fpu.id': '2', 'events.id': '3' },
  ],
  [
    { type: 'READY', body: { unpackMs: 0.25, restoreMs: 1.5 } },
    { unpackMs: '0.25', restoreMs: '1.5' },
  ],
  [
    { type: 'VERIFY', body: { block: 3, last: true, first: 100, digests: BigUint64Array.from([7n, 2n ** 63n]) } },
    { block: '3', last: '1', first: '100', 'digests[0]': '0x0000000000000007', 'digests[1]': '0x8000000000000000' },
  ],
  [
    { type: 'VERIFY_RESULT', body: { comparedPages: 9, wrongPages: 1, examples: [{ block: 0, page: 5 }] } },
    { comparedPages: '9', 'examples[0].page': '5' },
  ],
  [{ type: 'COMMIT', body: {} }, { body: '{}' }],
  [
    { type: 'RUNNING', body: { runAtMs: 12.5, resumeMs: 0.125, sinceRunMs: 0 } },
    { runAtMs: '12.5', resumeMs: '0.125', sinceRunMs: '0' },
  ],
  [{ type: 'ABORT', body: refusal }, refusal],
  [{ type: 'KEEPALIVE', body: {} }, { body: '{}' }],
  [
    { type: 'CHANNEL', body: { session: 'a-b', channel: '0123456789abcdef0123456789abcdef', purpose: 'pages' } },
    { session: 'a-b', purpose: 'pages' },
  ],
  [{ type: 'CHANNEL_OK', body: {} }, { body: '{}' }],
  [
    { type: 'PAGE_REQ', body: { block: 0, pages: Uint32Array.from([7, 8, 12]) } },
    { block: '0', count: '3', pages: '7–8, 12' },
  ],
  [
    { type: 'MISSING', body: { block: 0, count: 20, bitmap: Uint8Array.of(0b110, 0x80, 1) } },
    { block: '0', count: '20', bitmap: '1–2, 15–16' },
  ],
  [{ type: 'NATIVE', body: { bytes: Uint8Array.of(0x51, 0x45, 0x56, 0x4d) } }, { bytes: '' }],
  [
    { type: 'NATIVE_END', body: { bytes: 4, typed: 'bHMK' } },
    { bytes: '4', typed: 'bHMK' },
  ],
  [{ type: 'PULL_END', body: { pages: 4 } }, { pages: '4' }],
  [
    {
      type: 'PULL_DONE',
      body: {
        faults: 3,
        requests: 2,
        stall_ms: 1.5,
        p50_us: 30,
        p99_us: null,
        max_us: 900,
        series: [{ at_ms: 0, faults: 3, stall_ms: 1.5 }],
      },
    },
    { faults: '3', p99_us: 'null', 'series[0].stall_ms': '1.5' },
  ],
  [{ type: 'LINK', body: { link: '10M,5ms' } }, { link: '10M,5ms' }],
]

const frameOf = (message: Message): Uint8Array => Buffer.concat(encodeMessage(message, 2, 513))
const valuesOf = (frame: Uint8Array): Map<string, string> =>
  new Map(describeFrame(frame).map(({ path, value }) => [path, value]))

test('there is a sample of every type of message', () => {
  expect(new Set(SAMPLES.map(([{ type }]) => type))).toEqual(new Set(Object.keys(TYPE)))
})

describe.each(SAMPLES.map(([message, expected]) => [message.type, message, expected] as const))(
  'a %s',
  (type: MessageName, message, expected) => {
    const frame = frameOf(message)
    const fields = describeFrame(frame)

    test('has the values that were encoded, header and payload', () => {
      const values = valuesOf(frame)
      expect(values.get('header.type')).toBe(String(TYPE[type]))
      expect(values.get('header.sequence')).toBe('513')
      expect(values.get('header.length')).toBe(String(frame.length - HEADER_BYTES))
      for (const [path, value] of Object.entries(expected)) expect([path, values.get(path)]).toEqual([path, value])
    })

    test('is taken apart without overlap, within the frame, its last byte included', () => {
      let at = 0
      for (const { offset, bytes } of fields) {
        expect(offset).toBeGreaterThanOrEqual(at)
        at = offset + bytes
      }
      // Behind the last leaf of a JSON body come closing brackets only.
      const tail = Buffer.from(frame.subarray(at)).toString()
      expect(tail).toMatch(/^[\]}]*$/)
    })

    test('says that its checksums are right, and that they are wrong after a bit has flipped', () => {
      const meaning = (bytes: Uint8Array, path: string) =>
        describeFrame(bytes).find((field) => field.path === path)?.meaning
      expect(meaning(frame, 'header.payloadCrc')).toContain('right')
      expect(meaning(frame, 'header.headerCrc')).toContain('right')
      const damaged = Uint8Array.from(frame)
      damaged[frame.length - 1] ^= 1
      damaged[9] ^= 1
      expect(meaning(damaged, 'header.payloadCrc')).toContain('WRONG')
      expect(meaning(damaged, 'header.headerCrc')).toContain('WRONG')
    })

    test('cut off anywhere it still tells what is whole, and never something else', () => {
      const whole = valuesOf(frame)
      for (let length = 0; length < Math.min(frame.length, 400); length++) {
        for (const { path, offset, bytes, type: kind, value } of describeFrame(frame.subarray(0, length))) {
          if (kind.startsWith('u8[') || kind.startsWith('u32[')) continue
          expect(offset + bytes).toBeLessThanOrEqual(length)
          expect(whole.get(path)).toBe(value)
        }
      }
    })

    test('is kept from its first byte on, the same whether it is given in one piece or in many', () => {
      const kept = keptHead([frame])
      expect(Buffer.compare(kept, frame.subarray(0, kept.length))).toBe(0)
      expect(kept.length).toBeLessThanOrEqual(HEADER_BYTES + (8 << 10))
      const pieces = Array.from({ length: Math.ceil(frame.length / 7) }, (_, i) => frame.subarray(7 * i, 7 * i + 7))
      expect(keptHead(pieces)).toEqual(kept)
      expect(valuesOf(kept).get('header.type')).toBe(String(TYPE[type]))
    })
  },
)

test('of a batch of pages its numbers are kept, and no more than a glimpse of the memory', () => {
  const list = Uint32Array.from({ length: 256 }, (_, i) => 1000 + i)
  const batch = { block: 0 as const, pages: list, zeroPages: new Uint32Array(0), data: new Uint8Array(256 * 4096) }
  const kept = keptHead([frameOf({ type: 'PAGES', body: { batch, hold: false } })])
  expect(kept.length).toBe(HEADER_BYTES + 16 + 4 * 256 + 32)
  expect(valuesOf(kept).get('pages')).toBe('1000–1255')
})

test('a CFG_OK tells the token of further connections, where there are any', () => {
  const channel = '0123456789abcdef0123456789abcdef'
  const field = describeFrame(frameOf({ type: 'CFG_OK', body: { channel } })).find(({ path }) => path === 'channel')
  expect(field).toMatchObject({ value: channel })
  expect(field?.meaning).toContain('further connections')
})

test('of what is missing it says how much, and of a long one, of how many pages that is known', () => {
  const missing = (pages: number) => {
    const bitmap = new Uint8Array(pages / 8).fill(0xff, 0, 3)
    return describeFrame(keptHead([frameOf({ type: 'MISSING', body: { block: 0, count: pages, bitmap } })])).at(-1)
  }
  expect(missing(4096)).toMatchObject({ value: '0–23', meaning: '24 pages follow after the switch-over' })
  // 1 GiB: 32 KiB of bits, of which 8 KiB less the head are kept.
  const large = missing(1 << 18)
  expect(large).toMatchObject({ value: '0–23', bytes: 1 << 15 })
  expect(large?.meaning).toContain(
    `24 pages follow after the switch-over, of the ${8 * ((8 << 10) - 8)} whose bits are kept`,
  )
})

test('of what is asked for it names the pages as stretches', () => {
  const pages = Uint32Array.from({ length: 64 }, (_, i) => (i < 60 ? i : 2 * i))
  const fields = describeFrame(keptHead([frameOf({ type: 'PAGE_REQ', body: { block: 0, pages } })]))
  expect(fields.at(-1)).toMatchObject({ path: 'pages', value: '0–59, 120, 122, 124, 126' })
  expect(fields.at(-1)?.meaning).toContain('64 pages that the guest waits for')
  expect(fields.find(({ path }) => path === 'count')?.meaning).toBe('pages asked for')
})

test('of a long list of pages it says how many numbers are kept', () => {
  const list = Uint32Array.from({ length: 1024 }, (_, i) => i)
  const batch = { block: 0 as const, pages: new Uint32Array(0), zeroPages: list, data: new Uint8Array(0) }
  const kept = keptHead([frameOf({ type: 'PAGES', body: { batch, hold: false } })])
  const field = describeFrame(kept).find(({ path }) => path === 'zeroPages')
  expect(field).toMatchObject({ bytes: 4096, value: '0–263' })
  expect(field?.meaning).toContain('1024 pages of zeros; the first 264 of them are kept')
})

test('the sections of a state are named, in their order', () => {
  const fields = describeFrame(frameOf({ type: 'REHEARSAL', body: { number: 0, bytes: state } }))
  const named = fields.filter(({ path }) => path.endsWith('.id')).map(({ path }) => path.slice(0, -3))
  expect(named).toEqual([...SECTION_NAMES.filter((name) => name in zeroState()), 'end'])
  expect(fields.find(({ path }) => path === 'container.capturedAtNs')?.meaning).toContain('2023-11-14T22:13:20.000Z')
})

test('any bytes are described without an error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(...Object.values(TYPE), 99), (garbage, type) => {
      const frame = Uint8Array.from(garbage)
      if (frame.length > 5) frame[5] = type
      for (const { offset, bytes } of describeFrame(frame)) expect(offset + bytes).toBeGreaterThan(0)
    }),
  )
})

describe('the leaves of a JSON text', () => {
  test('are found for any value, each where it stands', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        const bytes = new TextEncoder().encode(text)
        for (const { offset, bytes: length, type, value } of jsonLeaves(bytes)) {
          const piece = new TextDecoder().decode(bytes.subarray(offset, offset + length))
          if (type === 'string') expect(JSON.parse(piece)).toBe(value)
          else expect(piece).toBe(value)
        }
      }),
    )
  })
  test('are the leaves that there are', () => {
    const leaves = jsonLeaves(new TextEncoder().encode('{"a":[1,{"b":"x\\"y"}],"c":{},"d":null}'))
    expect(leaves.map(({ path, value }) => [path, value])).toEqual([
      ['a[0]', '1'],
      ['a[1].b', 'x"y'],
      ['c', '{}'],
      ['d', 'null'],
    ])
  })
  test('end where the nesting is deeper than any message', () => {
    expect(jsonLeaves(new TextEncoder().encode('['.repeat(100_000)))).toEqual([])
  })
})
