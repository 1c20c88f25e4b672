/** Bookmarks and captions of a recording, changed. Pure: each change gives new annotations, in the order of their times. */
import type { Annotations } from '../../../engine/recording/entries.ts'

export type Bookmark = Annotations['bookmarks'][number]
export type Caption = Annotations['captions'][number]

/** As many of each as a file may have (`contract/recordings.ts`). */
export const MOST_NOTES = 1000
/** How long a new caption stands, unless the recording ends before. */
const CAPTION_MS = 4000
/** A caption that is shorter is not seen. */
const SHORTEST_MS = 100

const byTime = (a: Bookmark, b: Bookmark): number => a.t - b.t
const byStart = (a: Caption, b: Caption): number => a.from - b.from

/** Unchanged where there are as many as there may be. */
export function withBookmark(notes: Annotations, t: number): Annotations {
  if (notes.bookmarks.length >= MOST_NOTES) return notes
  const mark = { t, title: `Bookmark ${notes.bookmarks.length + 1}` }
  return { ...notes, bookmarks: [...notes.bookmarks, mark].sort(byTime) }
}

/** From `t` on; unchanged where there are as many as there may be. */
export function withCaption(notes: Annotations, t: number, duration_ms: number): Annotations {
  if (notes.captions.length >= MOST_NOTES) return notes
  const to = Math.max(t + SHORTEST_MS, Math.min(duration_ms, t + CAPTION_MS))
  return { ...notes, captions: [...notes.captions, { from: t, to, text: 'New caption' }].sort(byStart) }
}

export function changeBookmark(notes: Annotations, which: Bookmark, change: Partial<Bookmark>): Annotations {
  const bookmarks = notes.bookmarks.map((mark) => (mark === which ? { ...mark, ...change } : mark)).sort(byTime)
  return { ...notes, bookmarks }
}

/** A caption never ends before it begins: where one end is moved past the other, that one gives way. */
export function changeCaption(notes: Annotations, which: Caption, change: Partial<Caption>): Annotations {
  const captions = notes.captions.map((caption) =>
    caption === which ? kept({ ...caption, ...change }, change) : caption,
  )
  return { ...notes, captions: captions.sort(byStart) }
}

function kept(caption: Caption, { to }: Partial<Caption>): Caption {
  if (caption.to >= caption.from + SHORTEST_MS) return caption
  return to === undefined
    ? { ...caption, to: caption.from + SHORTEST_MS }
    : { ...caption, to: Math.max(SHORTEST_MS, caption.to), from: Math.max(0, caption.to - SHORTEST_MS) }
}

export const withoutBookmark = (notes: Annotations, which: Bookmark): Annotations => ({
  ...notes,
  bookmarks: notes.bookmarks.filter((mark) => mark !== which),
})

export const withoutCaption = (notes: Annotations, which: Caption): Annotations => ({
  ...notes,
  captions: notes.captions.filter((caption) => caption !== which),
})
