/** Recordings as files of a folder: listed, read by pieces, annotated, removed. */
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import type { RecordingView } from '../../contract/recordings.ts'
import {
  CHUNK_HEADER_BYTES,
  type ChunkHeader,
  contentOf,
  encodeChunk,
  FILE_HEADER_BYTES,
  parseChunkHeader,
  checkFileHeader,
} from '../../recording/chunk.ts'
import { about, type About, type Annotations, annotations } from '../../recording/entries.ts'
import { FerryError } from '../../util/errors.ts'

export const EXTENSION = '.ferryrec'
/** Behind the name of the one that was removed last. */
const REMOVED = '.removed'
/** What is read for a list of recordings, of each part. */
const MOST_TOLD_BYTES = 1 << 20

export interface Part extends ChunkHeader {
  /** Where the payload begins in the file. */
  readonly at: number
}

/** A file as far as its chunks tell without being unpacked. */
export interface Outline {
  readonly about: About
  /** The user's, where it was annotated. */
  readonly title: string
  readonly duration_ms: number
  readonly size_B: number
  readonly complete: boolean
  readonly parts: readonly Part[]
  /** Where the last whole chunk ends. */
  readonly whole_B: number
}

/** @throws FerryError `recording.*` */
export async function outlineOf(file: FileHandle): Promise<Outline> {
  const { size } = await file.stat()
  checkFileHeader(await readAt(file, 0, Math.min(size, FILE_HEADER_BYTES)))
  const parts: Part[] = []
  let at = FILE_HEADER_BYTES
  while (at + CHUNK_HEADER_BYTES <= size) {
    const header = parseChunkHeader(await readAt(file, at, CHUNK_HEADER_BYTES))
    const payload = at + CHUNK_HEADER_BYTES
    if (header === null || payload + header.length > size) break
    parts.push({ ...header, at: payload })
    at = payload + header.length
  }
  const [first] = parts
  if (first?.type !== 'about') throw new FerryError('recording.damaged', 'The recording does not say what it is.')
  const made = await told(file, first, about)
  if (made === null) throw new FerryError('recording.damaged', 'What the recording says of itself is not understood.')
  const notes = parts.findLast(({ type }) => type === 'annotations')
  const annotated = notes === undefined ? null : await told(file, notes, annotations)
  return {
    about: made,
    title: annotated?.title ?? made.title,
    duration_ms: parts.reduce((latest, { last_ms }) => Math.max(latest, last_ms), 0),
    size_B: size,
    complete: parts.some(({ type }) => type === 'end'),
    parts,
    whole_B: at,
  }
}

async function told<S extends v.GenericSchema>(file: FileHandle, part: Part, schema: S) {
  if (part.length > MOST_TOLD_BYTES || part.type === null) return null
  const payload = await readAt(file, part.at, part.length)
  const text = new TextDecoder().decode(await contentOf({ ...part, type: part.type, payload }))
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text)
  return parsed.success ? parsed.output : null
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length)
  let read = 0
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, at + read)
    if (bytesRead === 0) break
    read += bytesRead
  }
  return bytes.subarray(0, read)
}

export class RecordingFolder {
  readonly path: string
  /** Outlines of files that have not changed since. */
  readonly #known = new Map<string, { readonly key: string; readonly view: RecordingView }>()

  constructor(path: string) {
    this.path = path
  }

  /** Path of a recording of that id, which need not be there. */
  pathOf(id: string): string {
    return join(this.path, `${id}${EXTENSION}`)
  }

  async make(): Promise<void> {
    await mkdir(this.path, { recursive: true })
  }

  /** The newest first; files that cannot be understood are left out. */
  async list(): Promise<RecordingView[]> {
    const names = await readdir(this.path).catch(() => [])
    const ids = names.filter((name) => name.endsWith(EXTENSION)).map((name) => name.slice(0, -EXTENSION.length))
    const views = await Promise.all(ids.map((id) => this.#view(id)))
    return views.filter((view) => view !== null).sort((a, b) => b.began_at.localeCompare(a.began_at))
  }

  /** @throws FerryError `recording.unknown` */
  async read(id: string, offset: number, bytes: number): Promise<{ data: string; size_B: number }> {
    return this.#with(id, 'r', async (file) => {
      const { size } = await file.stat()
      const data = await readAt(file, offset, Math.max(0, Math.min(bytes, size - offset)))
      return { data: Buffer.from(data).toString('base64'), size_B: size }
    })
  }

  /** Behind the last whole chunk: what a crash left after it is cut off. @throws FerryError `recording.*` */
  async annotate(id: string, given: Annotations): Promise<void> {
    const content = new TextEncoder().encode(JSON.stringify(given))
    const chunk = await encodeChunk('annotations', content, 0, 0)
    await this.#with(id, 'r+', async (file) => {
      const { whole_B } = await outlineOf(file)
      await file.truncate(whole_B)
      await file.write(chunk, 0, chunk.length, whole_B)
      await file.datasync()
    })
  }

  /**
   * Sets it aside, in place of the one that was removed before it, which is deleted.
   * @throws FerryError `recording.unknown`
   */
  async remove(id: string): Promise<void> {
    const before = (await readdir(this.path).catch(() => [])).filter((name) => name.endsWith(REMOVED))
    await rename(this.pathOf(id), this.pathOf(id) + REMOVED).catch((thrown: unknown) => {
      throw unknown(id, thrown)
    })
    await Promise.all(before.map((name) => rm(join(this.path, name), { force: true })))
  }

  /** @throws FerryError `recording.unknown` */
  async restore(id: string): Promise<void> {
    // No other recording takes its name: ids are drawn anew.
    await rename(this.pathOf(id) + REMOVED, this.pathOf(id)).catch((thrown: unknown) => {
      throw unknown(id, thrown)
    })
  }

  async #view(id: string): Promise<RecordingView | null> {
    try {
      return await this.#with(id, 'r', async (file) => {
        const { size, mtimeMs } = await file.stat()
        const key = `${size} ${mtimeMs}`
        const known = this.#known.get(id)
        if (known?.key === key) return known.view
        const { about, title, duration_ms, size_B, complete } = await outlineOf(file)
        const view = { id, title, began_at: about.began_at, duration_ms, size_B, complete }
        this.#known.set(id, { key, view })
        return view
      })
    } catch {
      return null
    }
  }

  async #with<T>(id: string, flags: 'r' | 'r+', work: (file: FileHandle) => Promise<T>): Promise<T> {
    const file = await open(this.pathOf(id), flags).catch((thrown: unknown) => {
      throw unknown(id, thrown)
    })
    try {
      return await work(file)
    } finally {
      await file.close()
    }
  }
}

const unknown = (id: string, cause: unknown) =>
  new FerryError(
    'recording.unknown',
    `There is no recording ${id}, or it cannot be opened.`,
    { recording_id: id },
    cause,
  )
