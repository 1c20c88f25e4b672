/** Recordings for tests, written as the format has it. */
import { type ChunkType, encodeChunk, fileHeader } from '../../engine/recording/chunk.ts'
import { type About, type Annotations, type Entry, NO_ANNOTATIONS } from '../../engine/recording/entries.ts'

/** Entries of a chunk. */
const BATCH = 400

export const ABOUT: About = {
  format: 'ferry.recording/1',
  ferry_version: '0.1.0',
  began_at: '2026-03-02T10:00:00.000Z',
  title: 'Two crossings',
  machine: { system: 'Linux', processor: 'one of a test' },
}

interface Options {
  readonly title?: string
  readonly duration_ms: number
  readonly annotations?: Annotations
}

const bytesOf = (text: string) => new TextEncoder().encode(text)

/** A whole file: about, entries in batches, annotations, end. */
export async function recordingFile(
  entries: readonly Entry[],
  { title = ABOUT.title, duration_ms, annotations = NO_ANNOTATIONS }: Options,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: (readonly [ChunkType, string, number, number])[] = [['about', JSON.stringify({ ...ABOUT, title }), 0, 0]]
  for (let at = 0; at < entries.length; at += BATCH) {
    const batch = entries.slice(at, at + BATCH)
    const lines = batch.map((entry) => `${JSON.stringify(entry)}\n`).join('')
    parts.push(['entries', lines, batch[0]?.t ?? 0, batch.at(-1)?.t ?? 0])
  }
  parts.push(['annotations', JSON.stringify(annotations), 0, 0])
  parts.push(['end', JSON.stringify({ duration_ms, entries: entries.length }), duration_ms, duration_ms])
  const chunks = await Promise.all(
    parts.map(([type, text, first, last]) => encodeChunk(type, bytesOf(text), first, last)),
  )
  return new Uint8Array(await new Blob([fileHeader(), ...chunks]).arrayBuffer())
}
