/** What a WebM file says of itself, read apart from whatever wrote it: just as much of EBML (RFC 8794) as tests need. */

/** Elements by their ids (Matroska, RFC 9559), and whether others are in them. */
const ELEMENTS: ReadonlyMap<number, { readonly name: string; readonly holds: boolean }> = new Map([
  [0x1a45dfa3, { name: 'EBML', holds: true }],
  [0x4282, { name: 'DocType', holds: false }],
  [0x18538067, { name: 'Segment', holds: true }],
  [0x1549a966, { name: 'Info', holds: true }],
  [0x2ad7b1, { name: 'TimestampScale', holds: false }],
  [0x4489, { name: 'Duration', holds: false }],
  [0x1654ae6b, { name: 'Tracks', holds: true }],
  [0xae, { name: 'TrackEntry', holds: true }],
  [0xd7, { name: 'TrackNumber', holds: false }],
  [0x86, { name: 'CodecID', holds: false }],
  [0xe0, { name: 'Video', holds: true }],
  [0xb0, { name: 'PixelWidth', holds: false }],
  [0xba, { name: 'PixelHeight', holds: false }],
  [0x1f43b675, { name: 'Cluster', holds: true }],
  [0xe7, { name: 'Timestamp', holds: false }],
  [0xa3, { name: 'SimpleBlock', holds: false }],
  [0xa0, { name: 'BlockGroup', holds: true }],
  [0xa1, { name: 'Block', holds: false }],
])

export interface Track {
  readonly number: number
  readonly codec: string
  readonly width: number
  readonly height: number
  /** Times of its frames, ms, as they stand in the file. */
  readonly frames_ms: readonly number[]
}

export interface WebM {
  readonly docType: string
  readonly duration_ms: number
  readonly tracks: readonly Track[]
}

interface Element {
  readonly name: string
  readonly from: number
  readonly to: number
}

/** @throws where it is none */
export function readWebM(bytes: Uint8Array): WebM {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const all = [...elements(view, 0, bytes.length)]
  if (all[0]?.name !== 'EBML') throw new Error('This file does not begin as WebM does.')
  const first = (name: string) => all.find((element) => element.name === name)
  const number = (element: Element | undefined) => {
    if (element === undefined) return 0
    let value = 0
    for (let at = element.from; at < element.to; at++) value = value * 256 + view.getUint8(at)
    return value
  }
  const text = (element: Element | undefined) =>
    element === undefined ? '' : new TextDecoder().decode(bytes.subarray(element.from, element.to))
  const duration = first('Duration')
  const scale_ms = number(first('TimestampScale')) / 1e6
  const frames = framesOf(all, view, number, scale_ms)
  const entries = all.filter(({ name }) => name === 'TrackEntry')
  return {
    docType: text(first('DocType')),
    duration_ms: duration === undefined ? 0 : scale_ms * floatAt(view, duration),
    tracks: entries.map((entry) => {
      const of = (name: string) => all.find((one) => one.name === name && one.from >= entry.from && one.to <= entry.to)
      const track = number(of('TrackNumber'))
      return {
        number: track,
        codec: text(of('CodecID')),
        width: number(of('PixelWidth')),
        height: number(of('PixelHeight')),
        frames_ms: frames.filter((frame) => frame.track === track).map(({ ms }) => ms),
      }
    }),
  }
}

function framesOf(
  all: readonly Element[],
  view: DataView,
  number: (element: Element) => number,
  scale_ms: number,
): readonly { readonly track: number; readonly ms: number }[] {
  let cluster = 0
  return all.flatMap((element) => {
    if (element.name === 'Timestamp') cluster = number(element)
    if (element.name !== 'SimpleBlock' && element.name !== 'Block') return []
    // Track numbers below 127 take one byte; the time since the cluster's is signed.
    const track = view.getUint8(element.from) & 0x7f
    return [{ track, ms: scale_ms * (cluster + view.getInt16(element.from + 1)) }]
  })
}

const floatAt = (view: DataView, { from, to }: Element): number =>
  to - from === 4 ? view.getFloat32(from) : view.getFloat64(from)

function* elements(view: DataView, from: number, to: number): Generator<Element> {
  for (let at = from; at < to;) {
    const idBytes = Math.clz32(view.getUint8(at)) - 23
    let id = 0
    for (let i = 0; i < idBytes; i++) id = id * 256 + view.getUint8(at + i)
    const size = sizeAt(view, at + idBytes)
    const begins = at + idBytes + size.bytes
    const ends = size.value === null ? to : begins + size.value
    if (ends > to) throw new Error(`An element at ${at} is cut off.`)
    const known = ELEMENTS.get(id)
    if (known !== undefined) {
      yield { name: known.name, from: begins, to: ends }
      if (known.holds) yield* elements(view, begins, ends)
    }
    at = ends
  }
}

/** `value` null: it goes on to where what holds it ends. */
function sizeAt(view: DataView, at: number): { readonly value: number | null; readonly bytes: number } {
  const first = view.getUint8(at)
  const bytes = Math.clz32(first) - 23
  let value = first - 2 ** (8 - bytes)
  let unknown = value === 2 ** (8 - bytes) - 1
  for (let i = 1; i < bytes; i++) {
    const next = view.getUint8(at + i)
    unknown &&= next === 0xff
    value = value * 256 + next
  }
  return { value: unknown ? null : value, bytes }
}
