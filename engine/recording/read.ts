/** A file's bytes → a recording. Whatever the file holds, what comes out of here is what the types say. */
import * as v from 'valibot'
import { joined } from '../util/bytes.ts'
import { FerryError } from '../util/errors.ts'
import { type Chunk, type ChunkType, contentOf, findChunks } from './chunk.ts'
import { about, type About, annotations, type Annotations, end, type Entry, NO_ANNOTATIONS } from './entries.ts'
import { LineReader, parseJson } from './lines.ts'

export const MAX_FILE_BYTES = 512 << 20

export interface Recording {
  readonly about: About
  readonly duration_ms: number
  readonly entries: readonly Entry[]
  readonly annotations: Annotations
  /** Streams of sound, in the order of their times; a window that was opened again began another one. */
  readonly sounds: readonly Sound[]
  /** It was ended properly; else it was cut off, and is shown as far as it goes. */
  readonly complete: boolean
  /** Lines that this version of the contract does not understand; they are left out. */
  readonly not_understood: number
}

export interface Sound {
  readonly first_ms: number
  readonly last_ms: number
  /** WebM (Opus). */
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** @throws FerryError `recording.*` */
export async function readRecording(file: Uint8Array): Promise<Recording> {
  if (file.length > MAX_FILE_BYTES) {
    const message = `The recording has more than ${MAX_FILE_BYTES >> 20} MiB; it is not opened.`
    throw new FerryError('recording.too-large', message, { bytes_B: file.length })
  }
  const { chunks } = findChunks(file)
  const of = (type: ChunkType): Chunk[] => chunks.filter((chunk) => chunk.type === type)
  const [first] = chunks
  if (first?.type !== 'about') throw new FerryError('recording.damaged', 'The recording does not say what it is.')
  const entries: Entry[] = []
  let not_understood = 0
  let whole = true
  const lines = new LineReader()
  for (const chunk of of('entries')) {
    try {
      const { found, strange } = parseLines(lines, new TextDecoder().decode(await contentOf(chunk)))
      entries.push(...found)
      not_understood += strange
    } catch (error) {
      if (!(error instanceof FerryError) || error.code !== 'recording.damaged') throw error
      whole = false
      lines.lost()
    }
  }
  const last = of('end').at(-1)
  const notes = of('annotations').at(-1)
  const told = last === undefined ? null : await parse(end, last)
  return {
    about: await parse(about, first),
    duration_ms: told?.duration_ms ?? chunks.reduce((latest, { last_ms }) => Math.max(latest, last_ms), 0),
    entries: entries.sort((a, b) => a.t - b.t),
    annotations: notes === undefined ? NO_ANNOTATIONS : await parse(annotations, notes),
    sounds: soundsOf(of('sound')),
    complete: told !== null && whole,
    not_understood,
  }
}

function parseLines(lines: LineReader, text: string): { found: Entry[]; strange: number } {
  const found: Entry[] = []
  let strange = 0
  for (const line of text.split('\n')) {
    if (line === '') continue
    const entry = lines.entry(line)
    if (entry === null) strange++
    else found.push(entry)
  }
  return { found, strange }
}

async function parse<S extends v.GenericSchema>(schema: S, chunk: Chunk): Promise<v.InferOutput<S>> {
  const parsed = v.safeParse(schema, parseJson(new TextDecoder().decode(await contentOf(chunk))))
  if (parsed.success) return parsed.output
  const where = v.getDotPath(parsed.issues[0]) ?? 'its form'
  const message = `A part of the recording (${chunk.type}) is not as it should be: ${where}.`
  throw new FerryError('recording.damaged', message, { part: chunk.type, field: where })
}

/** Every WebM stream begins with the id of its EBML header (RFC 8794, 11.2.1). */
const EBML = [0x1a, 0x45, 0xdf, 0xa3]

function soundsOf(pieces: readonly Chunk[]): Sound[] {
  const streams: Chunk[][] = []
  for (const piece of pieces) {
    const begins = EBML.every((byte, i) => piece.payload[i] === byte)
    const last = streams.at(-1)
    if (last === undefined || begins) streams.push([piece])
    else last.push(piece)
  }
  return streams.map((stream) => ({
    first_ms: stream[0].first_ms,
    last_ms: Math.max(...stream.map(({ last_ms }) => last_ms)),
    bytes: joined(stream.map(({ payload }) => payload)),
  }))
}
