/** Bookmarks, captions and the voice of a recording. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  changeBookmark,
  changeCaption,
  MOST_NOTES,
  withBookmark,
  withCaption,
  withoutBookmark,
  withoutCaption,
} from '../../renderer/src/replay/notes.ts'
import { isApart, voiceAt } from '../../renderer/src/replay/voice-places.ts'
import { type Annotations, NO_ANNOTATIONS } from '../../engine/recording/entries.ts'

const two: Annotations = {
  title: 'A lesson',
  bookmarks: [
    { t: 10, title: 'a' },
    { t: 20, title: 'b' },
  ],
  captions: [{ from: 100, to: 900, text: 'c' }],
}
const [a] = two.bookmarks
const [c] = two.captions

describe('notes on a recording', () => {
  it('are added at the present time, in the order of their times, and the title stays', () => {
    expect(withBookmark(two, 15).bookmarks.map(({ t }) => t)).toEqual([10, 15, 20])
    expect(withCaption(two, 50, 60_000).captions[0]).toMatchObject({ from: 50, to: 4050 })
    expect(withCaption(two, 50, 1000).captions[0]).toMatchObject({ from: 50, to: 1000 })
    expect(withBookmark(two, 15).title).toBe('A lesson')
  })
  it('are renamed, moved and deleted one at a time', () => {
    expect(changeBookmark(two, a, { title: 'x' }).bookmarks.map(({ title }) => title)).toEqual(['x', 'b'])
    expect(changeBookmark(two, a, { t: 30 }).bookmarks.map(({ title }) => title)).toEqual(['b', 'a'])
    expect(withoutBookmark(two, a).bookmarks).toEqual([two.bookmarks[1]])
    expect(withoutCaption(two, c).captions).toEqual([])
    expect(changeCaption(two, c, { text: 'y' }).captions).toEqual([{ from: 100, to: 900, text: 'y' }])
  })
  it('never end before they begin, whichever end is moved where', () => {
    const move = fc.record({ end: fc.constantFrom('from' as const, 'to' as const), t: fc.nat(100_000) })
    fc.assert(
      fc.property(move, ({ end, t }) => {
        const [moved] = changeCaption(two, c, { [end]: t }).captions
        expect(moved?.from).toBeGreaterThanOrEqual(0)
        expect(moved?.to ?? 0).toBeGreaterThan(moved?.from ?? 0)
      }),
    )
  })
  it('are as many as a file may have', () => {
    let notes: Annotations = NO_ANNOTATIONS
    for (let i = 0; i < MOST_NOTES + 5; i++) notes = withBookmark(notes, i)
    expect(notes.bookmarks).toHaveLength(MOST_NOTES)
  })
})

describe('the voice of a recording', () => {
  const sounds = [
    { first_ms: 1000, last_ms: 5000 },
    { first_ms: 8000, last_ms: 9000 },
  ]
  it('is heard where the picture is, and nobody speaks in between', () => {
    expect(voiceAt(sounds, 1500)).toEqual({ stream: 0, at_s: 0.5 })
    expect(voiceAt(sounds, 8250)).toEqual({ stream: 1, at_s: 0.25 })
    expect([voiceAt(sounds, 999), voiceAt(sounds, 5000), voiceAt([], 0)]).toEqual([null, null, null])
  })
  it('is set anew only where it is apart from the picture', () => {
    expect(isApart(1, 1.1, 1)).toBe(false)
    expect(isApart(1, 1.3, 1)).toBe(true)
    expect(isApart(1, 1.3, 4)).toBe(false)
  })
})
