/** Chunks of a recording; the layout is in README.md. */
import { FerryError } from '../util/errors.ts'

export const MAGIC = 'FERRYREC'
export const VERSION = { major: 1, minor: 0 } as const
export const FILE_HEADER_BYTES = 16
export const CHUNK_HEADER_BYTES = 24
/** "CHNK". */
const CHUNK_MAGIC = 0x4b4e4843
const OPTIONAL = 1
const GZIP = 2
export const MAX_PACKED_BYTES = 16 << 20
export const MAX_UNPACKED_BYTES = 64 << 20

export const CHUNK = { about: 1, entries: 2, annotations: 3, sound: 4, end: 5 } as const
export type ChunkType = keyof typeof CHUNK

export interface Chunk {
  readonly type: ChunkType
  /** Milliseconds since the recording began. */
  readonly first_ms: number
  readonly last_ms: number
  /** As it lies in the file. */
  readonly payload: Uint8Array
  readonly packed: boolean
}

/** The first bytes of a file. */
export function fileHeader(): Uint8Array {
  const bytes = new Uint8Array(FILE_HEADER_BYTES)
  new TextEncoder().encodeInto(MAGIC, bytes)
  const view = new DataView(bytes.buffer)
  view.setUint16(8, VERSION.major, true)
  view.setUint16(10, VERSION.minor, true)
  return bytes
}

/**
 * A chunk's bytes. Text is packed, sound is packed already.
 * @throws FerryError `recording.too-large`
 */
export async function encodeChunk(
  type: ChunkType,
  content: Uint8Array<ArrayBuffer>,
  first_ms: number,
  last_ms: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const packed = type !== 'sound'
  const payload = packed ? await through(new CompressionStream('gzip'), content, MAX_PACKED_BYTES) : content
  if (payload.length > MAX_PACKED_BYTES) throw tooLarge('chunk', MAX_PACKED_BYTES)
  const bytes = new Uint8Array(CHUNK_HEADER_BYTES + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, CHUNK_MAGIC, true)
  view.setUint16(4, CHUNK[type], true)
  view.setUint16(6, (packed ? GZIP : 0) | (type === 'sound' ? OPTIONAL : 0), true)
  view.setUint32(8, Math.floor(first_ms), true)
  view.setUint32(12, Math.ceil(last_ms), true)
  view.setUint32(16, payload.length, true)
  bytes.set(payload, CHUNK_HEADER_BYTES)
  return bytes
}

/** A chunk's content. @throws FerryError `recording.damaged`, `recording.too-large` */
export async function contentOf({ payload, packed, type }: Chunk): Promise<Uint8Array<ArrayBuffer>> {
  if (!packed) return new Uint8Array(payload)
  try {
    return await through(new DecompressionStream('gzip'), new Uint8Array(payload), MAX_UNPACKED_BYTES)
  } catch (error) {
    if (error instanceof FerryError) throw error
    throw new FerryError('recording.damaged', `A part of the recording (${type}) is damaged.`, {}, error)
  }
}

/**
 * The whole chunks of a file, in their order; chunks that are optional and unknown are left out.
 * @returns `rest_B` > 0: what follows the last whole chunk, as a crash leaves it
 * @throws FerryError `recording.not-one`, `recording.version`, `recording.unknown-part`
 */
export function findChunks(file: Uint8Array): { readonly chunks: Chunk[]; readonly rest_B: number } {
  checkFileHeader(file)
  const chunks: Chunk[] = []
  let at = FILE_HEADER_BYTES
  while (at + CHUNK_HEADER_BYTES <= file.length) {
    const header = parseChunkHeader(file.subarray(at, at + CHUNK_HEADER_BYTES))
    const start = at + CHUNK_HEADER_BYTES
    if (header === null || start + header.length > file.length) break
    const { type, first_ms, last_ms, packed, length } = header
    if (type !== null) chunks.push({ type, first_ms, last_ms, packed, payload: file.subarray(start, start + length) })
    at = start + length
  }
  return { chunks, rest_B: file.length - at }
}

export interface ChunkHeader extends Omit<Chunk, 'type' | 'payload'> {
  /** Null: unknown, and optional. */
  readonly type: ChunkType | null
  /** Of the payload that follows, bytes. */
  readonly length: number
}

const NAMES = new Map<number, ChunkType>([
  [CHUNK.about, 'about'],
  [CHUNK.entries, 'entries'],
  [CHUNK.annotations, 'annotations'],
  [CHUNK.sound, 'sound'],
  [CHUNK.end, 'end'],
])

/** @returns null: these bytes are none. @throws FerryError `recording.unknown-part` */
export function parseChunkHeader(bytes: Uint8Array): ChunkHeader | null {
  if (bytes.length < CHUNK_HEADER_BYTES) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const number = view.getUint16(4, true)
  const flags = view.getUint16(6, true)
  const length = view.getUint32(16, true)
  if (view.getUint32(0, true) !== CHUNK_MAGIC || length > MAX_PACKED_BYTES) return null
  const type = NAMES.get(number) ?? null
  if (type === null && (flags & OPTIONAL) === 0) {
    throw new FerryError(
      'recording.unknown-part',
      `The recording has a part of type ${number}, which this Ferry does not know. Open it with a newer one.`,
      { type: number },
    )
  }
  const [first_ms, last_ms] = [view.getUint32(8, true), view.getUint32(12, true)]
  return { type, first_ms, last_ms, packed: (flags & GZIP) !== 0, length }
}

/** @throws FerryError `recording.not-one`, `recording.version` */
export function checkFileHeader(file: Uint8Array): void {
  if (file.length < FILE_HEADER_BYTES || new TextDecoder().decode(file.subarray(0, MAGIC.length)) !== MAGIC) {
    throw new FerryError('recording.not-one', 'This file is no recording of Ferry (.ferryrec).')
  }
  const major = new DataView(file.buffer, file.byteOffset).getUint16(8, true)
  if (major === VERSION.major) return
  throw new FerryError(
    'recording.version',
    `The recording is of version ${major}; this Ferry reads version ${VERSION.major}. Open it with another one.`,
    { major },
  )
}

async function through(
  stream: CompressionStream | DecompressionStream,
  bytes: Uint8Array<ArrayBuffer>,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = new Blob([bytes]).stream().pipeThrough<Uint8Array<ArrayBuffer>>(stream).getReader()
  const parts: Uint8Array<ArrayBuffer>[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > most) {
      await reader.cancel()
      throw tooLarge('part', most)
    }
    parts.push(value)
  }
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const tooLarge = (what: string, most: number) =>
  new FerryError('recording.too-large', `A ${what} of the recording has more than ${most >> 20} MiB.`, { most_B: most })
