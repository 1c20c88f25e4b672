/**
 * Machine states for property tests: every field takes any value of its width, but only combinations that a PC can be in
 * (a privilege level that is SS.DPL, a queue that is empty behind its length, a task file with one selected unit …).
 */
import fc from 'fast-check'
import type { FieldType, RecordType } from '../../engine/util/record.ts'
import type { Cpu, Segment } from '../../engine/vmstate/cpu.ts'
import type { IdeDrive, Keyboard } from '../../engine/vmstate/devices.ts'
import { pciFunction } from '../../engine/vmstate/devices.ts'
import { SECTIONS, type MachineState, type SectionName, type SectionValue } from '../../engine/vmstate/state.ts'

/** Byte strings: mostly zero, or noise from a seed (quick, also for long ones). */
function noise(length: number): fc.Arbitrary<Uint8Array> {
  return fc.integer().map((seed) => {
    const out = new Uint8Array(length)
    let x = seed | 0
    if (x % 4 === 0) return out
    for (let i = 0; i < length; i++) {
      x = (Math.imul(x, 1664525) + 1013904223) | 0
      out[i] = x >>> 24
    }
    return out
  })
}

const SCALARS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  u8: fc.integer({ min: 0, max: 0xff }),
  u16: fc.integer({ min: 0, max: 0xffff }),
  u32: fc.integer({ min: 0, max: 0xffffffff }),
  s32: fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  u64: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  s64: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
  bool: fc.boolean(),
}

/** Any value of a field's type. */
export function arbitraryOf<T>(type: FieldType<T>): fc.Arbitrary<T> {
  // The table's own labels decide; the result has the shape that the table declares.
  return anyOf(type) as fc.Arbitrary<T>
}

function anyOf(type: FieldType<unknown>): fc.Arbitrary<unknown> {
  if (type.element !== undefined && type.count !== undefined) {
    return fc.array(anyOf(type.element), { minLength: type.count, maxLength: type.count })
  }
  if ('fields' in type) {
    const { fields } = type as RecordType<unknown>
    return fc.record(Object.fromEntries(fields.map((f) => [f.name, anyOf(f.type)])))
  }
  return SCALARS[type.label] ?? noise(type.bytes)
}

function section<N extends SectionName>(name: N): fc.Arbitrary<SectionValue<N>> {
  const type: RecordType<unknown> = SECTIONS[name].type
  return anyOf(type) as fc.Arbitrary<SectionValue<N>>
}

const P = 0x80
/** A register is unusable exactly where its segment is not present. */
function segment(s: Segment): Segment {
  return { ...s, access: s.unusable ? s.access & 0xfff & ~P : (s.access & 0xfff) | P }
}

const CR0_PE = 1
const CR0_ET = 0x10
const CR0_PG = 0x80000000
const CR4_PAE = 0x20

function possibleCpu(c: Cpu): Cpu {
  const paging = (c.cr0 & CR0_PG) !== 0
  const cr0 = (c.cr0 | CR0_ET | (paging ? CR0_PE : 0)) >>> 0
  const cr4 = c.cr4 & 0x7ff
  const ss = segment(c.ss)
  return {
    ...c,
    cr0,
    cr4,
    efer: c.efer & 0x801n,
    es: segment(c.es),
    cs: segment(c.cs),
    ss,
    ds: segment(c.ds),
    fs: segment(c.fs),
    gs: segment(c.gs),
    ldtr: segment(c.ldtr),
    tr: segment(c.tr),
    cpl: (ss.access >> 5) & 3,
    pdpte: paging && (cr4 & CR4_PAE) !== 0 ? c.pdpte : [0n, 0n, 0n, 0n],
  }
}

const cpu = section('cpu').map(possibleCpu)
const events = section('events').map((e) => ({ ...e, interruptShadow: e.interruptShadow & 3 }))
const pic = section('picMaster').map((p) => {
  return { ...p, initState: [0, 2, 3, 4][p.initState & 3] ?? 0, priorityAdd: p.priorityAdd & 7 }
})

const elapsedNs = fc.bigInt({ min: 0n, max: 1_000_000_000_000n })
const dueNs = fc.oneof(fc.constant(-1n), elapsedNs)
const pit = fc.tuple(section('pit'), fc.tuple(elapsedNs, elapsedNs, elapsedNs)).map(([p, since]) => {
  const speaker = p.speaker & 3
  const channels = p.channels.map((c, i) => ({
    ...c,
    mode: c.mode % 6,
    gate: i === 2 ? (speaker & 1) !== 0 : c.gate,
    accessMode: c.accessMode & 3,
    latchedBytes: c.latchedBytes % 3,
    sinceStartNs: since[i] ?? 0n,
  }))
  return { channels, speaker }
})

const timeMs = fc.bigInt({ min: 0n, max: 4_102_444_800_000n })
const rtc = fc.tuple(section('rtc'), timeMs, dueNs, dueNs, dueNs).map(([r, time, periodic, alarm, update]) => {
  const cmos = r.cmos.slice()
  cmos.set([r.registerA, r.registerB, r.registerC], 10)
  const times = { timeMs: time, periodicInNs: periodic, alarmInNs: alarm, updateInNs: update }
  return { ...r, ...times, cmos, index: r.index & 0x7f }
})
const lapic = fc.tuple(section('lapic'), dueNs).map(([l, timerInNs]) => ({ ...l, timerInNs }))
const dma = section('dma').map((d) => ({ ...d, flipFlop: d.flipFlop & 1 }))

/** A queue: `length` bytes, zero behind them. */
function queue(bytes: Uint8Array, wanted: number): { length: number; bytes: Uint8Array } {
  // Short ones most of the time, as in life; every length now and then.
  const length = wanted % 3 === 0 ? wanted % (bytes.length + 1) : wanted % 20
  const out = new Uint8Array(bytes.length)
  out.set(bytes.subarray(0, length))
  return { length, bytes: out }
}

const serial = section('serial').map((s) => {
  const rx = queue(s.rx, s.rxLength)
  return { ...s, rxLength: rx.length, rx: rx.bytes }
})

function possibleKeyboard(k: Keyboard, chosen: readonly number[]): Keyboard {
  const [controller = 0, keys = 0, mouse = 0] = chosen
  const keyboardQueue = queue(k.keyboardQueue, k.keyboardQueueLength)
  const mouseQueue = queue(k.mouseQueue, k.mouseQueueLength)
  return {
    ...k,
    expectCommandByte: controller === 1,
    expectOutputPort: controller === 2,
    expectKeyboardOutput: controller === 3,
    expectMouseCommand: controller === 4,
    expectLeds: keys === 1,
    expectScanCodeSet: keys === 2,
    expectTypematic: keys === 3,
    expectSampleRate: mouse === 1,
    expectResolution: mouse === 2,
    keyboardQueueLength: keyboardQueue.length,
    keyboardQueue: keyboardQueue.bytes,
    mouseQueueLength: mouseQueue.length,
    mouseQueue: mouseQueue.bytes,
  }
}
const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max })
const keyboard = fc
  .tuple(section('keyboard'), fc.tuple(upTo(4), upTo(3), upTo(2)))
  .map(([k, chosen]) => possibleKeyboard(k, chosen))

function possibleDrive(d: IdeDrive): IdeDrive {
  return { ...d, cylinders: d.cylinders & 0xffff, sectorSize: d.atapi ? 2048 : 512 }
}
const ide = section('ide').map((i) => {
  return { channels: i.channels.map((c) => ({ ...c, unit: c.unit & 1, drives: c.drives.map(possibleDrive) })) }
})

const vga = section('vga').map((v) => ({
  ...v,
  attributeIndex: v.attributeIndex & 0x3f,
  dacState: v.dacState & 3,
  dacReadIndex: v.dacReadIndex % 768,
  dacWriteIndex: v.dacWriteIndex % 768,
}))

const pci = section('pci').map((p) => {
  const seen = new Set<number>()
  const present = p.functions.slice(0, p.count % 17).filter((f) => !seen.has(f.devfn) && seen.add(f.devfn))
  const functions = [...present]
  while (functions.length < p.functions.length) functions.push(pciFunction.zero())
  return { address: p.address, count: present.length, functions }
})

/** Any state that a machine can be in; LAPIC, IOAPIC and network card are there or not. */
export const arbitraryState: fc.Arbitrary<MachineState> = fc
  .record({
    capturedAtNs: fc.bigInt({ min: 0n, max: 4_102_444_800_000_000_000n }),
    cpu,
    fpu: section('fpu'),
    events,
    picMaster: pic,
    picSlave: pic,
    pit,
    rtc,
    dma,
    serial,
    keyboard,
    ide,
    vga,
    pci,
    board: section('board'),
    lapic: fc.option(lapic),
    ioapic: fc.option(section('ioapic')),
    nic: fc.option(section('nic')),
  })
  .map(({ lapic, ioapic, nic, ...required }) => ({
    ...required,
    ...(lapic === null ? {} : { lapic }),
    ...(ioapic === null ? {} : { ioapic }),
    ...(nic === null ? {} : { nic }),
  }))

/** One state, always the same for a seed. */
export function sampleState(seed = 1): MachineState {
  const [state] = fc.sample(arbitraryState, { numRuns: 1, seed })
  if (state === undefined) throw new Error('fast-check gave no sample')
  return state
}
