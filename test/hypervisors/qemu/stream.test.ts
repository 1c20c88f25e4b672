import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withDeviceMemory } from '../../../engine/hypervisors/qemu/device-memory.ts'
import { qemu } from '../../../engine/hypervisors/qemu/qemu.ts'
import {
  postcopyDiscard,
  postcopyEnd,
  postcopyHead,
  postcopyPackage,
} from '../../../engine/hypervisors/qemu/stream/commands.ts'
import { type StreamCommand, StreamReader } from '../../../engine/hypervisors/qemu/stream/reader.ts'
import {
  ReturnPath,
  returnPong,
  returnRequest,
  returnShut,
} from '../../../engine/hypervisors/qemu/stream/return-path.ts'
import {
  deviceSections,
  ramEnd,
  ramPart,
  streamEnd,
  streamHead,
  type StreamBatch,
} from '../../../engine/hypervisors/qemu/stream/writer.ts'
import { RAM_FLAG } from '../../../engine/hypervisors/qemu/stream/format.ts'
import { FerryError } from '../../../engine/util/errors.ts'
import { expectSame } from '../../vmstate/compare.ts'
import { qemuState, sampleQemuState } from './qemu-state.ts'

const MIB = 2 ** 20
const PAGE = 4096
const machine = { ramBytes: 8 * MIB, vgaBytes: MIB }
const nicMemory = Uint8Array.from({ length: 32768 }, (_, i) => i * 7)
const records = withDeviceMemory(qemu.pack(sampleQemuState()), { nicMemory })

function batch(block: StreamBatch['block'], pages: number[], zeroPages: number[]): StreamBatch {
  const data = new Uint8Array(pages.length * PAGE)
  pages.forEach((page, i) => data.fill(page + 1, i * PAGE, (i + 1) * PAGE))
  return { block, pages: Uint32Array.from(pages), zeroPages: Uint32Array.from(zeroPages), data }
}

const stream = Buffer.concat([
  streamHead(machine),
  ramPart([batch('ram', [3, 4, 2047], [0, 1]), batch('video', [255], [7])]),
  ramPart([batch('ram', [5], [])]),
  ramEnd([batch('video', [0], [])]),
  deviceSections(records),
  streamEnd(),
])
const PAGES = [
  'ram 3 4',
  'ram 4 5',
  'ram 2047 0',
  'ram 0 -',
  'ram 1 -',
  'video 255 0',
  'video 7 -',
  'ram 5 6',
  'video 0 1',
]

function read(bytes: Uint8Array, cuts: readonly number[] = []) {
  const pages: string[] = []
  const commands: StreamCommand[] = []
  const reader = new StreamReader(machine, {
    page(block, page, content) {
      const value = content === null ? '-' : content.every((byte) => byte === content[0]) ? content[0] : 'mixed'
      pages.push(`${block} ${page} ${value}`)
    },
    command: (command) => commands.push(command),
  })
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    // A copy, spoilt afterwards: a reader must depend neither on what is behind the piece nor on its staying as it was.
    const piece = Uint8Array.from(bytes.subarray(from, cut))
    reader.push(piece)
    piece.fill(0xee)
    from = cut
  }
  return { reader, pages, commands }
}

/** The error that an action ends with, and that it is one of ours. */
function refusal(action: () => unknown): string {
  try {
    action()
  } catch (thrown) {
    if (thrown instanceof FerryError && /^(qemu|native)\./.test(thrown.code)) return thrown.code
    throw thrown
  }
  return 'none'
}

describe('the stream', () => {
  it('gives back pages in their order, and the records that were written', () => {
    const { reader, pages } = read(stream)
    expect(pages).toEqual(PAGES)
    const told = reader.end()
    expect(told.runState).toBe('running')
    const name = (r: { name: string; instance: number }): string => `${r.name}/${r.instance}`
    // Drives' unused transfer state stands behind the drive it belongs to.
    const sorted = <T extends { name: string; instance: number }>(list: readonly T[]): T[] =>
      [...list].sort((a, b) => (name(a) < name(b) ? -1 : 1))
    const withoutIdentify = (list: typeof records) =>
      sorted(list).map((r) =>
        r.name === 'ide_drive' && r.bytes[7] === 0 ? { ...r, bytes: r.bytes.fill(0, 8, 520) } : r,
      )
    expectSame(withoutIdentify([...told.records]), withoutIdentify(structuredClone(records)))
  })

  it('gives back every state that can be in it', () => {
    fc.assert(
      fc.property(qemuState, (state) => {
        const packed = withDeviceMemory(qemu.pack(state), { nicMemory })
        const bytes = Buffer.concat([streamHead(machine), ramEnd(), deviceSections(packed), streamEnd()])
        const again = qemu.unpack(read(bytes).reader.end().records)
        const direct = qemu.unpack(qemu.pack(state))
        // What an absent drive would say of itself is not in the stream.
        const drives = (s: typeof again) => s.ide.channels.map((c) => c.drives.map((d) => (d.present ? d : d.present)))
        const bus = (s: typeof again) => s.pci.functions.slice(0, s.pci.count).sort((a, b) => a.devfn - b.devfn)
        const comparable = (s: typeof again) => ({ ...s, ide: drives(s), pci: bus(s) })
        expectSame(comparable(again), comparable(direct))
      }),
      { numRuns: 20 },
    )
  })

  it('means by "the same block again" that of the page before, in whatever section: ours names its block in each', () => {
    const [first, second] = [ramPart([batch('video', [7], [])]), ramPart([batch('video', [8], [])])]
    // Section head 5, page head 8, then the name.
    const named = 13
    expect(Buffer.from(second).toString('latin1').slice(named)).toMatch(/^.[\w:.\/]*vga\.vram/)
    const again = Buffer.concat([second.subarray(0, named), second.subarray(named + 1 + (second[named] ?? 0))])
    again[12] = (again[12] ?? 0) | RAM_FLAG.again
    expect(read(Buffer.concat([streamHead(machine), first, again])).pages).toEqual(['video 7 8', 'video 8 9'])
  })

  it('tells of every guest that it ran: QEMU would not let one go on that had stood still', () => {
    const halted = { ...sampleQemuState(), events: { ...sampleQemuState().events, halted: true } }
    const told = [streamHead(machine), ramEnd(), deviceSections(withDeviceMemory(qemu.pack(halted), { nicMemory }))]
    expect(read(Buffer.concat([...told, streamEnd()])).reader.end().runState).toBe('running')
  })

  it('may come in pieces, cut anywhere', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: stream.length }), { maxLength: 12 }), (places) => {
        const cuts = [...places].sort((a, b) => a - b)
        const { reader, pages } = read(stream, cuts)
        expect(pages).toEqual(PAGES)
        expect(reader.end().records.length).toBe(records.length)
      }),
      { numRuns: 40 },
    )
  })

  it('that breaks off is refused at its end, wherever it does', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: stream.length - 60 }), (length) => {
        expect(refusal(() => read(stream.subarray(0, length)).reader.end())).toBe('qemu.cut')
      }),
      { numRuns: 60 },
    )
  })

  it('with bytes changed never does worse than being refused, and is never larger than it was', () => {
    const change = fc.tuple(fc.integer({ min: 0, max: stream.length - 1 }), fc.integer({ min: 1, max: 255 }))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const bytes = Uint8Array.from(stream)
        for (const [at, by] of changes) bytes[at] = (bytes[at] ?? 0) ^ by
        refusal(() => {
          const { reader, pages } = read(bytes)
          expect(pages.length).toBeLessThanOrEqual(PAGES.length)
          qemu.unpack(reader.end().records)
        })
      }),
      { numRuns: 300 },
    )
  })

  it.each<[string, string, (bytes: Buffer) => void]>([
    ['another magic', 'qemu.magic', (b) => b.writeUInt32BE(0x7fffffff, 0)],
    ['another machine type', 'qemu.machine-type', (b) => b.write('q35', b.indexOf('pc-i440fx'))],
    ['more memory than the machine has', 'qemu.block-size', (b) => (b[b.indexOf('pc.ram') + 9] = 1)],
    [
      'a page behind the end of its block',
      'qemu.memory',
      (b) => b.writeUInt32BE(0x10000000, b.lastIndexOf('pc.ram') - 9),
    ],
    ['a device that ours has not', 'qemu.section', (b) => b.write('pcspy', b.indexOf('pcspk'))],
    ['a device in another version', 'qemu.stream', (b) => (b[b.indexOf('pcspk') + 12] = 9)],
  ])('with %s is refused by name', (_, code, change) => {
    const bytes = Buffer.from(stream)
    change(bytes)
    expect(refusal(() => read(bytes))).toBe(code)
  })

  it('whose description tells another size than was read is refused', () => {
    const described = (size: number): Uint8Array => {
      const fields = [{ name: 'outport', type: 'uint8', size }]
      const devices = [...devicesOf(stream), { name: 'port92', instance_id: 0, version: 1, fields }]
      const json = Buffer.from(JSON.stringify({ page_size: 4096, devices }))
      const head = Buffer.from([6, 0, 0, 0, 0])
      head.writeUInt32BE(json.length, 1)
      return Buffer.concat([stream.subarray(0, stream.length - streamEnd().length + 1), head, json])
    }
    expect(refusal(() => read(described(1)).reader.end())).toBe('none')
    expect(refusal(() => read(described(2)))).toBe('qemu.description')
  })
})

/** A description of all sections but `port92`, from the sizes in the stream. */
function devicesOf(bytes: Buffer): unknown[] {
  const from = bytes.indexOf(Buffer.concat([Buffer.from([5]), Buffer.from('timer')])) - 5
  const devices: unknown[] = []
  for (let at = from; bytes[at] === 4;) {
    const id = bytes.subarray(at + 1, at + 5)
    const length = bytes[at + 5] ?? 0
    const name = bytes.toString('latin1', at + 6, at + 6 + length)
    const body = at + 14 + length
    const end = bytes.indexOf(Buffer.concat([Buffer.from([0x7e]), id]), body)
    const fields = [{ name: 'all', size: end - body }]
    if (name !== 'port92') devices.push({ name, instance_id: bytes.readUInt32BE(at + 6 + length), fields })
    at = end + 5
  }
  return devices
}

describe('post-copy', () => {
  it('tells what is missing before it lets the target listen, and the devices before it runs', () => {
    const bytes = Buffer.concat([
      postcopyHead(machine),
      postcopyDiscard('ram', [
        { first: 16, count: 2 },
        { first: 100, count: 1 },
      ]),
      postcopyPackage(records),
      ramPart([batch('ram', [16, 17], [])]),
      ramEnd([batch('ram', [100], [])]),
      postcopyEnd(),
    ])
    const { reader, commands, pages } = read(bytes, [1000, 1001, 40_000])
    expect(commands.map((c) => (c.name === 'discard' ? `${c.name} ${c.block} ${c.first}+${c.count}` : c.name))).toEqual(
      [
        ...[
          'open-return-path',
          'ping',
          'advise',
          'discard ram 16+2',
          'discard ram 100+1',
          'package',
          'listen',
          'ping',
          'run',
        ],
      ],
    )
    expect(pages).toEqual(['ram 16 17', 'ram 17 18', 'ram 100 101'])
    expect(qemu.unpack(reader.devices().records).cpu).toEqual(qemu.unpack(qemu.pack(sampleQemuState())).cpu)
    expect(reader.ended).toBe(true)
  })

  it('splits a list of missing pages that is too long for one command', () => {
    const runs = Array.from({ length: 10_000 }, (_, i) => ({ first: (2 * i) % 2048, count: 1 }))
    const { commands } = read(Buffer.concat([postcopyHead(machine), postcopyDiscard('ram', runs)]))
    expect(commands.filter(({ name }) => name === 'discard')).toHaveLength(10_000)
  })
})

describe('the return path', () => {
  const messages = Buffer.concat([
    returnPong(1),
    returnRequest('ram', 5, 2),
    // Without a name: of the same block.
    Buffer.from('0004000c000000000000900000001000', 'hex'),
    returnRequest('video', 255, 1),
    returnShut(0),
  ])
  function listen(pieces: readonly Uint8Array[]): string[] {
    const heard: string[] = []
    const path = new ReturnPath(machine, {
      requestPages: (block, first, count) => heard.push(`${block} ${first}+${count}`),
      pong: (number) => heard.push(`pong ${number}`),
      shut: (status) => heard.push(`shut ${status}`),
    })
    for (const piece of pieces) path.push(piece)
    return heard
  }

  it('is understood in pieces of any size', () => {
    const heard = ['pong 1', 'ram 5+2', 'ram 9+1', 'video 255+1', 'shut 0']
    expect(listen([messages])).toEqual(heard)
    expect(listen([...messages].map((byte) => Uint8Array.of(byte)))).toEqual(heard)
  })

  it.each([
    ['a request beyond the memory', returnRequest('ram', 2048, 1)],
    ['a request without a block', Buffer.from('0004000c000000000000900000001000', 'hex')],
    ['a message without end', Buffer.from('0001ffff', 'hex')],
    ['an unknown message', Buffer.from('00630000', 'hex')],
    ['a message that is cut off', Buffer.from('000100020000', 'hex')],
    ['a message that is too long', Buffer.from('00010005000000000000', 'hex')],
  ])('refuses %s', (_, bytes) => {
    expect(refusal(() => listen([bytes]))).toBe('qemu.return-path')
  })
})
