/** The file format of a recording: what was written is read, whatever was cut off or damaged. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  CHUNK_HEADER_BYTES,
  type ChunkType,
  encodeChunk,
  FILE_HEADER_BYTES,
  fileHeader,
} from '../../engine/recording/chunk.ts'
import type { Entry } from '../../engine/recording/entries.ts'
import { readRecording } from '../../engine/recording/read.ts'

const ABOUT = {
  format: 'ferry.recording/1',
  ferry_version: '0.1.0',
  began_at: '2026-01-01T00:00:00Z',
  title: 'A lesson',
  machine: {},
}
const output = (t: number, data: string): Entry => ({ t, event: 'guests.output', payload: { guest: 'g1', data } })

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const linesOf = (entries: readonly unknown[]) =>
  new TextEncoder().encode(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))

type Part = readonly [type: ChunkType, content: Uint8Array<ArrayBuffer>, first?: number, last?: number]
async function fileOf(...parts: Part[]): Promise<Uint8Array> {
  const chunks = await Promise.all(
    parts.map(([type, content, first = 0, last = 0]) => encodeChunk(type, content, first, last)),
  )
  return Buffer.concat([fileHeader(), ...chunks])
}

test('what was recorded is read, in the order of its times', async () => {
  const file = await fileOf(
    ['about', bytesOf(ABOUT)],
    ['entries', linesOf([output(1, 'a'), output(5, 'c')]), 1, 5],
    [
      'entries',
      linesOf([output(3, 'b'), { t: 9, action: 'guests.pause', input: { guest: 'g1' }, failed: null }]),
      3,
      9,
    ],
    ['sound', Uint8Array.of(1, 2), 4, 5],
    ['sound', Uint8Array.of(3), 5, 6],
    ['annotations', bytesOf({ bookmarks: [{ t: 1, title: 'old' }], captions: [] })],
    ['annotations', bytesOf({ bookmarks: [{ t: 2, title: 'new' }], captions: [] })],
    ['end', bytesOf({ duration_ms: 12, entries: 4 })],
  )
  const recording = await readRecording(file)
  expect(recording).toMatchObject({ about: ABOUT, duration_ms: 12, complete: true, not_understood: 0 })
  expect(recording.entries.map(({ t }) => t)).toEqual([1, 3, 5, 9])
  expect(recording.annotations.bookmarks).toEqual([{ t: 2, title: 'new' }])
  expect(recording.sounds).toEqual([{ first_ms: 4, last_ms: 6, bytes: Uint8Array.of(1, 2, 3) }])
})

test('a file that was cut off at any byte is read as far as it goes, and says so', async () => {
  const parts: Part[] = [
    ['about', bytesOf(ABOUT)],
    ['entries', linesOf([output(1, 'a')]), 1, 1],
    ['entries', linesOf([output(2, 'b')]), 2, 2],
  ]
  const sizes = [0, 1, 2, 3].map((n) => fileOf(...parts.slice(0, n)).then(({ length }) => length))
  const [, afterAbout = 0, afterFirst = 0, whole = 0] = await Promise.all(sizes)
  const file = await fileOf(...parts)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: afterAbout, max: whole }), async (length) => {
      const { entries, complete } = await readRecording(file.subarray(0, length))
      expect(complete).toBe(false)
      expect(entries).toHaveLength(length === whole ? 2 : length >= afterFirst ? 1 : 0)
    }),
  )
})

describe('what is not as it should be', () => {
  test('lines that are not understood are left out and counted', async () => {
    const strange = [
      { t: 1 },
      { t: -1, event: 'guests.removed', payload: { guest: 'g' } },
      { t: 1, event: 'toString', payload: {} },
    ]
    const wrong = { t: 2, answer: 'guests.console', input: { guest: 'g1' }, result: { text: 7 } }
    const file = await fileOf(['about', bytesOf(ABOUT)], ['entries', linesOf([...strange, wrong, output(3, 'x')])])
    expect(await readRecording(file)).toMatchObject({ entries: [output(3, 'x')], not_understood: 4 })
  })

  test('a damaged part is left out, and the rest is read', async () => {
    const file = await fileOf(
      ['about', bytesOf(ABOUT)],
      ['entries', linesOf([output(1, 'a')])],
      ['entries', linesOf([output(2, 'b')])],
      ['end', bytesOf({ duration_ms: 3, entries: 2 })],
    )
    const about = await encodeChunk('about', bytesOf(ABOUT), 0, 0)
    file[FILE_HEADER_BYTES + about.length + CHUNK_HEADER_BYTES + 14] ^= 0xff
    expect(await readRecording(file)).toMatchObject({ entries: [output(2, 'b')], complete: false, duration_ms: 3 })
  })

  test.each([
    ['another file', Buffer.from('PK\x03\x04 something else'), 'recording.not-one'],
    ['nothing', new Uint8Array(), 'recording.not-one'],
    ['no parts', fileHeader(), 'recording.damaged'],
  ])('%s is refused', async (_, file, code) => {
    await expect(readRecording(file)).rejects.toMatchObject({ code })
  })

  test('another version is refused, naming it', async () => {
    const file = await fileOf(['about', bytesOf(ABOUT)])
    file[8] = 2
    await expect(readRecording(file)).rejects.toMatchObject({ code: 'recording.version', data: { major: 2 } })
  })

  test('a part that is unknown is refused unless it is optional', async () => {
    const file = await fileOf(['about', bytesOf(ABOUT)], ['sound', Uint8Array.of(1)])
    const about = await encodeChunk('about', bytesOf(ABOUT), 0, 0)
    const at = FILE_HEADER_BYTES + about.length
    file[at + 4] = 99
    expect((await readRecording(file)).sounds).toEqual([])
    file[at + 6] = 0
    await expect(readRecording(file)).rejects.toMatchObject({ code: 'recording.unknown-part' })
  })

  test('random bytes never do more than be refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        const file = Buffer.concat([fileHeader(), bytes])
        await expect(readRecording(file)).rejects.toMatchObject({
          code: expect.stringMatching(/^recording\./) as string,
        })
      }),
    )
  })
})
