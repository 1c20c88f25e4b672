/** A recording as long as a lesson, without the lesson's time: what a lab really told in a minute, over and over. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LabService } from '../../engine/lab/service.ts'
import { encodeChunk, fileHeader } from '../../engine/recording/chunk.ts'
import type { Entry } from '../../engine/recording/entries.ts'
import { LineWriter, parseJson } from '../../engine/recording/lines.ts'
import { readRecording } from '../../engine/recording/read.ts'
import { sleep } from '../../engine/util/clock.ts'

const CROSSINGS = 6
/** Between two of them. */
const REST_MS = 6000
/** As the recorder gathers lines (engine/lab/recordings/recorder.ts). */
const CHUNK_CHARACTERS = 256 << 10

/** A guest that writes its memory goes to and fro for about a minute. @returns the file */
export async function recordMinute(folder: string, image: string): Promise<Uint8Array> {
  const service = new LabService({ store: ':memory:', recordings: folder })
  try {
    for (const kind of ['xen', 'kvm'] as const) await service.call('hosts.add', { name: kind, kind, port: 0 })
    const { id: guest } = await service.call('guests.create', { image, host: 'xen', workload: 'dirty:500' })
    const { recording_id } = await service.call('recordings.start', { title: 'A long lesson' })
    for (let i = 0; i < CROSSINGS; i++) {
      await sleep(REST_MS)
      const to = i % 2 === 0 ? 'kvm' : 'xen'
      const { run_id } = await service.call('migrations.start', { guest, to, link: '1G', algorithms: ['pre-copy'] })
      await service.call('migrations.wait', { run_id })
    }
    await sleep(REST_MS)
    await service.call('recordings.stop', {})
    return await readFile(join(folder, `${recording_id}.ferryrec`))
  } finally {
    await service.close()
  }
}

/** The same again and again, later each time, its migrations under ids of their own, until it is so long. */
export async function stretched(file: Uint8Array, least_ms: number): Promise<Uint8Array> {
  const { about, entries, duration_ms } = await readRecording(file)
  const times = Math.ceil(least_ms / duration_ms)
  const writer = new LineWriter()
  const parts: Uint8Array[] = [fileHeader(), await encodeChunk('about', json(about), 0, 0)]
  let told = 0
  let lines: string[] = []
  let length = 0
  let first_ms = 0
  const flush = async (last_ms: number) => {
    if (lines.length > 0) parts.push(await encodeChunk('entries', utf8(`${lines.join('\n')}\n`), first_ms, last_ms))
    lines = []
    length = 0
    first_ms = last_ms
  }
  for (let i = 0; i < times; i++) {
    for (const entry of entries) {
      const line = writer.line(later(entry, i, i * duration_ms))
      if (line === null) continue
      lines.push(line)
      told++
      length += line.length
      if (length >= CHUNK_CHARACTERS) await flush(entry.t + i * duration_ms)
    }
  }
  const end_ms = times * duration_ms
  await flush(end_ms)
  parts.push(await encodeChunk('end', json({ duration_ms: end_ms, entries: told }), end_ms, end_ms))
  return Buffer.concat(parts)
}

function later(entry: Entry, time: number, by_ms: number): Entry {
  const text = JSON.stringify({ ...entry, t: entry.t + by_ms })
  // It was an entry, and is one: only the ids of its migrations are others.
  return parseJson(time === 0 ? text : text.replaceAll(/"run_id":"([^"]+)"/g, `"run_id":"$1-${time}"`)) as Entry
}

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)
const json = (value: unknown): Uint8Array<ArrayBuffer> => utf8(JSON.stringify(value))
