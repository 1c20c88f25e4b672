import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FerryError } from '../../engine/util/errors.ts'
import { decodeState, encodeState } from '../../engine/vmstate/codec.ts'
import { containerHeader, END_ID, MAX_BYTES, OPTIONAL, sectionHeader } from '../../engine/vmstate/container.ts'
import { applyExtensions, extensionsOf } from '../../engine/vmstate/extensions.ts'
import { SECTION_NAMES, SECTIONS } from '../../engine/vmstate/state.ts'
import { arbitraryState, sampleState } from './arbitrary-state.ts'
import { expectSame } from './compare.ts'

const PATHS = [
  { section: 'pit', path: 'channels.*.startCount' },
  { section: 'rtc', path: 'cmos[14..127]' },
  { section: 'lapic', path: 'timerInNs' },
  { section: 'events', path: '' },
] as const

/** The code of the FerryError that `action` throws; anything else fails. */
function codeOf(action: () => unknown): string {
  try {
    action()
  } catch (thrown) {
    if (thrown instanceof FerryError) return thrown.code
    throw thrown
  }
  return 'none'
}

interface Piece {
  id: number
  version: number
  flags: number
  body: Uint8Array
}

function takeApart(bytes: Uint8Array): Piece[] {
  const pieces: Piece[] = []
  for (let offset = containerHeader.bytes; offset < bytes.length;) {
    const { id, version, flags, length } = sectionHeader.decode(bytes.subarray(offset))
    const start = offset + sectionHeader.bytes
    pieces.push({ id, version, flags, body: bytes.slice(start, start + length) })
    offset = start + length
  }
  return pieces
}

/** A container of any pieces, with right lengths and checksums. */
function putTogether(pieces: readonly Piece[], header: Partial<{ major: number; minor: number; flags: number }> = {}) {
  const parts = pieces.map(({ id, version, flags, body }) => {
    const head = sectionHeader.encode({ id, version, flags, length: body.length, crc: 0 })
    const crc = crc32(body, crc32(head.subarray(0, sectionHeader.bytes - 4)))
    return Buffer.concat([sectionHeader.encode({ id, version, flags, length: body.length, crc }), body])
  })
  const body = Buffer.concat(parts)
  const length = containerHeader.bytes + body.length
  const fields = {
    magic: 0x534d567972726546n,
    major: 1,
    minor: 0,
    length,
    capturedAtNs: 0n,
    flags: 0,
    crc: 0,
    ...header,
  }
  const head = containerHeader.encode(fields)
  const crc = crc32(head.subarray(0, containerHeader.bytes - 4))
  return new Uint8Array(Buffer.concat([containerHeader.encode({ ...fields, crc }), body]))
}

const sample = sampleState(3)
const encoded = encodeState(sample, extensionsOf(sample, PATHS))
const without = (id: number): Piece[] => takeApart(encoded).filter((p) => p.id !== id)
const change = (id: number, by: (p: Piece) => Piece): Piece[] =>
  takeApart(encoded).map((p) => (p.id === id ? by(p) : p))

describe('the wire codec', () => {
  it('gives back the state and its extensions', () => {
    fc.assert(
      fc.property(arbitraryState, (state) => {
        const extensions = extensionsOf(state, PATHS)
        const again = decodeState(encodeState(state, extensions))
        expectSame(again.state, state)
        expectSame(
          again.extensions.map((e) => ({ ...e, bytes: [...e.bytes] })),
          extensions.map((e) => ({ ...e, bytes: [...e.bytes] })),
        )
      }),
      { numRuns: 100 },
    )
  })

  it('returns buffers of its own, which the next call leaves alone', () => {
    const first = encodeState(sample)
    const copy = first.slice()
    encodeState(sampleState(4))
    expectSame(first, copy)
    const { state } = decodeState(first)
    first.fill(0)
    expectSame(state, sample)
  })

  it('leaves out the zero bytes at the end of a section', () => {
    const empty = { ...sample, serial: { ...sample.serial, rxLength: 0, rx: new Uint8Array(4096) } }
    const section = takeApart(encodeState(empty)).find((p) => p.id === SECTIONS.serial.id)
    expect(section?.body.length).toBeLessThan(16)
    expectSame(decodeState(encodeState(empty)).state, empty)
  })

  it('writes the same bytes for the same state', () => {
    expectSame(encodeState(sample), encodeState(structuredClone(sample)))
  })
})

describe('a reader of the common format', () => {
  it('refuses a state that is cut off anywhere', () => {
    for (let length = 0; length < encoded.length; length++) {
      const code = codeOf(() => decodeState(encoded.subarray(0, length)))
      expect(code, `at ${length}`).toBe('vmstate.truncated')
    }
  })

  it('notices every flipped bit', () => {
    const bit = fc.tuple(fc.nat(encoded.length - 1), fc.nat(7))
    fc.assert(
      fc.property(fc.uniqueArray(bit, { minLength: 1, maxLength: 8, selector: ([a, b]) => a * 8 + b }), (flips) => {
        const broken = encoded.slice()
        for (const [at, shift] of flips) broken[at] = (broken[at] ?? 0) ^ (1 << shift)
        expect(codeOf(() => decodeState(broken))).toMatch(/^vmstate\./)
      }),
      { numRuns: 1000 },
    )
  })

  it('answers noise with an error of its own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        expect(codeOf(() => decodeState(noise))).toMatch(/^vmstate\./)
      }),
    )
  })

  it('survives any contents behind right checksums', () => {
    const piece = fc.record({
      id: fc.constantFrom(...SECTION_NAMES.map((n) => SECTIONS[n].id as number), 0x100, 0x777),
      version: fc.constantFrom(0, 1, 2),
      flags: fc.constantFrom(0, OPTIONAL, 1),
      body: fc.uint8Array({ maxLength: 300 }),
    })
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (extra) => {
        const ids = new Set(extra.map((p) => p.id))
        const pieces = takeApart(encoded).filter((p) => !ids.has(p.id) && p.id !== END_ID)
        const end = { id: END_ID, version: 1, flags: 0, body: new Uint8Array() }
        const bytes = putTogether([...pieces, ...extra, end])
        expect(codeOf(() => decodeState(bytes))).toMatch(/^(vmstate\.|none)/)
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    ['vmstate.too-large', () => new Uint8Array(MAX_BYTES + 1)],
    ['vmstate.magic', () => new Uint8Array(64)],
    ['vmstate.version', () => putTogether(takeApart(encoded), { major: 2 })],
    ['vmstate.flags', () => putTogether(takeApart(encoded), { flags: 1 })],
    ['vmstate.flags', () => putTogether(change(1, (p) => ({ ...p, flags: 2 })))],
    ['vmstate.length', () => new Uint8Array(Buffer.concat([encoded, new Uint8Array(1)]))],
    ['vmstate.missing', () => putTogether(without(SECTIONS.cpu.id))],
    ['vmstate.duplicate', () => putTogether(takeApart(encoded).flatMap((p) => (p.id === 5 ? [p, p] : [p])))],
    ['vmstate.duplicate', () => putTogether(takeApart(encoded).flatMap((p) => (p.id === 0x100 ? [p, p] : [p])))],
    ['vmstate.section-version', () => putTogether(change(1, (p) => ({ ...p, version: 2 })))],
    ['vmstate.section-version', () => putTogether(change(1, (p) => ({ ...p, version: 0 })))],
    ['vmstate.section-size', () => putTogether(change(4, (p) => ({ ...p, body: new Uint8Array(99) })))],
    ['vmstate.unknown-section', () => putTogether(change(17, (p) => ({ ...p, id: 0x777 })))],
  ])('throws %s where it has to', (code, bytes) => {
    expect(codeOf(() => decodeState(bytes()))).toBe(code)
  })

  it('skips an unknown section that is marked optional, and reads a newer minor version', () => {
    const unknown = { id: 0x777, version: 9, flags: OPTIONAL, body: new Uint8Array(40) }
    const { state } = decodeState(putTogether([unknown, ...takeApart(encoded)], { minor: 7 }))
    expectSame({ ...state, capturedAtNs: sample.capturedAtNs }, sample)
  })

  it('refuses lengths that would be taken for an index', () => {
    const bad = [
      { ...sample, serial: { ...sample.serial, rxLength: 4097 } },
      { ...sample, keyboard: { ...sample.keyboard, mouseQueueLength: 1025 } },
      { ...sample, pci: { ...sample.pci, count: 17 } },
      { ...sample, cpu: { ...sample.cpu, cpl: 4 } },
    ]
    for (const state of bad) expect(codeOf(() => decodeState(encodeState(state)))).toBe('vmstate.value')
    const extension = { section: 'serial', path: 'rxLength', bytes: Uint8Array.of(0xff, 0xff) } as const
    expect(codeOf(() => applyExtensions(structuredClone(sample), [extension]))).toBe('vmstate.value')
  })
})

describe('extensions', () => {
  it('carry the fields under a path from one state into another', () => {
    fc.assert(
      fc.property(arbitraryState, arbitraryState, (from, to) => {
        const list = [
          { section: 'rtc', path: 'cmos[14..127]' },
          { section: 'pit', path: 'channels.*.mode' },
        ] as const
        const result = applyExtensions(structuredClone(to), extensionsOf(from, list))
        expectSame(result.rtc.cmos.subarray(14), from.rtc.cmos.subarray(14))
        expectSame(result.rtc.cmos.subarray(0, 14), to.rtc.cmos.subarray(0, 14))
        expectSame(
          result.pit.channels,
          to.pit.channels.map((c, i) => ({ ...c, mode: from.pit.channels[i]?.mode })),
        )
        expectSame({ ...result, rtc: to.rtc, pit: to.pit }, to)
      }),
      { numRuns: 30 },
    )
  })

  it.each([
    'nothing',
    'channels.3.mode',
    'channels.*',
    'channels.*.mode.x',
    'speaker[0..0]',
    '.',
    'channels..mode',
    '*',
  ])('refuse the path %s, or take it for what it names', (path) => {
    const code = codeOf(() => extensionsOf(sample, [{ section: 'pit', path }]))
    expect(code).toBe(path === 'channels.*' ? 'none' : 'vmstate.extension')
  })

  it.each(['cmos[14..128]', 'cmos[5..4]', 'cmos[a..b]', 'cmos[0..1].x', 'cmos[0..1', '__proto__', 'constructor'])(
    'refuse the path %s',
    (path) => {
      expect(codeOf(() => extensionsOf(sample, [{ section: 'rtc', path }]))).toBe('vmstate.extension')
    },
  )

  it('are refused with an unknown path, for an absent section, or with too many bytes', () => {
    const body = (id: number, path: string, data: number[]): Uint8Array =>
      Uint8Array.of(id, 0, path.length, 0, ...Buffer.from(path, 'latin1'), ...data)
    const send = (b: Uint8Array): string =>
      codeOf(() => {
        const pieces = change(0x100, (p) => p).filter((p) => p.id !== 0x100)
        const { state, extensions } = decodeState(
          putTogether([{ id: 0x100, version: 1, flags: 0, body: b }, ...pieces]),
        )
        applyExtensions(state, extensions)
      })
    expect(send(body(6, 'speaker', [1]))).toBe('none')
    expect(send(body(6, 'speakers', [1]))).toBe('vmstate.extension')
    expect(send(body(6, 'speaker', [1, 2]))).toBe('vmstate.extension')
    expect(send(body(99, 'speaker', [1]))).toBe('vmstate.extension')
    expect(send(Uint8Array.of(6, 0, 200, 0))).toBe('vmstate.extension')
    expect(send(new Uint8Array(2))).toBe('vmstate.extension')
    const absent = SECTION_NAMES.find((name) => sample[name] === undefined)
    if (absent !== undefined) expect(send(body(SECTIONS[absent].id, '', [1]))).toBe('vmstate.extension')
  })
})
