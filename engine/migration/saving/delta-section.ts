/**
 * The pages of a frame where some are deltas: a length for each page, u16 little endian, then the bodies in the same
 * order. A body of `PAGE_SIZE` bytes is the page itself, a shorter one its delta.
 */
import { FerryError } from '../../util/errors.ts'
import { PAGE_SIZE } from '../../vmstate/blocks.ts'
import { decodeDelta, encodeDelta } from './delta.ts'

const LENGTH = 2

/** Longest section of so many pages, bytes. */
export const maxSectionBytes = (pages: number): number => pages * (LENGTH + PAGE_SIZE)

export interface DeltaSection {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Pages that are deltas. */
  readonly deltas: number
}

/**
 * @param data the pages
 * @param old the version of the i-th page that the other side has; undefined: none that is known here
 */
export function encodeSection(data: Uint8Array, old: (i: number) => Uint8Array | undefined): DeltaSection {
  const count = data.length / PAGE_SIZE
  const bytes = new Uint8Array(maxSectionBytes(count))
  const view = new DataView(bytes.buffer)
  let at = count * LENGTH
  let deltas = 0
  for (let i = 0; i < count; i++) {
    const page = data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE)
    const before = old(i)
    const delta = before === undefined ? null : encodeDelta(before, page)
    if (delta !== null) deltas++
    const body = delta ?? page
    view.setUint16(i * LENGTH, body.length, true)
    bytes.set(body, at)
    at += body.length
  }
  return { bytes: bytes.subarray(0, at), deltas }
}

const invalid = (what: string) => new FerryError('protocol.delta', `The pages of a frame with deltas ${what}.`)

/**
 * The bodies of a section of so many pages, which is not trusted.
 * @throws FerryError `protocol.delta` where lengths and bytes disagree
 */
export function readSection(section: Uint8Array, count: number): Uint8Array[] {
  if (section.length < count * LENGTH) throw invalid('are cut off')
  const view = new DataView(section.buffer, section.byteOffset, section.length)
  const bodies: Uint8Array[] = []
  let at = count * LENGTH
  for (let i = 0; i < count; i++) {
    const length = view.getUint16(i * LENGTH, true)
    if (length > PAGE_SIZE || at + length > section.length) throw invalid('have impossible lengths')
    bodies.push(section.subarray(at, at + length))
    at += length
  }
  if (at !== section.length) throw invalid('are followed by something else')
  return bodies
}

export const isDelta = (body: Uint8Array): boolean => body.length < PAGE_SIZE

/**
 * The pages as they are.
 * @param old the version of the i-th page to which its delta applies; null: a page of zeros
 * @throws FerryError `protocol.delta`
 */
export function decodeSection(
  bodies: readonly Uint8Array[],
  old: (i: number) => Uint8Array | null,
): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(bodies.length * PAGE_SIZE)
  bodies.forEach((body, i) => {
    const page = data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE)
    if (!isDelta(body)) return page.set(body)
    const before = old(i)
    if (before !== null) page.set(before)
    decodeDelta(body, page)
  })
  return data
}
