/** What is in a recording, as text and as plain values. */
import type { Entry } from '../recording/entries.ts'
import type { Outline } from '../lab/recordings/recording-files.ts'
import type { Recording } from '../recording/read.ts'
import { count, localTime, ms, plural, traffic } from './format.ts'
import { type Column, pairs, table } from './table.ts'

export interface Chapter {
  readonly at_ms: number
  readonly title: string
}

export interface RecordingSummary {
  readonly title: string
  readonly began_at: string
  readonly ferry_version: string
  readonly duration_ms: number
  readonly size_B: number
  readonly complete: boolean
  readonly not_understood: number
  readonly sound_ms: number
  readonly chapters: readonly Chapter[]
  readonly bookmarks: number
  readonly captions: number
  /** Entries by what they tell. */
  readonly entries: readonly { readonly what: string; readonly of: string; readonly entries: number }[]
  readonly parts: readonly { readonly part: string; readonly chunks: number; readonly size_B: number }[]
}

export function summaryOf(recording: Recording, outline: Outline): RecordingSummary {
  const { about, annotations, sounds } = recording
  return {
    title: outline.title,
    began_at: about.began_at,
    ferry_version: about.ferry_version,
    duration_ms: recording.duration_ms,
    size_B: outline.size_B,
    complete: recording.complete,
    not_understood: recording.not_understood,
    sound_ms: sounds.reduce((sum, { first_ms, last_ms }) => sum + last_ms - first_ms, 0),
    chapters: chaptersOf(recording),
    bookmarks: annotations.bookmarks.length,
    captions: annotations.captions.length,
    entries: countsOf(recording.entries),
    parts: partsOf(outline),
  }
}

/** Guests that come, migrations with their ends, and the instructor's bookmarks. */
function chaptersOf({ entries, annotations }: Recording): Chapter[] {
  const guests = new Map<string, string>()
  const runs = new Set<string>()
  const found = annotations.bookmarks.map(({ t, title }): Chapter => ({ at_ms: t, title: `Bookmark: ${title}` }))
  for (const entry of entries) {
    if (!('event' in entry)) continue
    const { t: at_ms } = entry
    if (entry.event === 'guests.changed') {
      const { id, name, host } = entry.payload
      if (!guests.has(id)) found.push({ at_ms, title: `${name} on ${host}` })
      guests.set(id, name)
    } else if (entry.event === 'migrations.progress' && !runs.has(entry.payload.run_id)) {
      runs.add(entry.payload.run_id)
      found.push({ at_ms, title: 'A migration begins' })
    } else if (entry.event === 'runs.added') {
      const { outcome, algorithm, downtime_ms } = entry.payload
      const downtime = downtime_ms === null ? '' : `, downtime ${ms(downtime_ms)}`
      found.push({ at_ms, title: `Migration ${outcome}: ${algorithm ?? 'no algorithm'}${downtime}` })
    }
  }
  return found.sort((a, b) => a.at_ms - b.at_ms)
}

function countsOf(entries: readonly Entry[]): RecordingSummary['entries'] {
  const counts = new Map<string, { what: string; of: string; entries: number }>()
  for (const entry of entries) {
    const [what, of] =
      'event' in entry
        ? ['event', entry.event]
        : 'answer' in entry
          ? ['answer', entry.answer]
          : ['action', entry.action]
    const counted = counts.get(`${what} ${of}`) ?? { what, of, entries: 0 }
    counted.entries++
    counts.set(`${what} ${of}`, counted)
  }
  return [...counts.values()].sort((a, b) => a.what.localeCompare(b.what) || b.entries - a.entries)
}

function partsOf({ parts }: Outline): RecordingSummary['parts'] {
  const sums = new Map<string, { part: string; chunks: number; size_B: number }>()
  for (const { type, length } of parts) {
    const part = type ?? 'unknown'
    const sum = sums.get(part) ?? { part, chunks: 0, size_B: 0 }
    sum.chunks++
    sum.size_B += length
    sums.set(part, sum)
  }
  return [...sums.values()]
}

export function summaryText(file: string, summary: RecordingSummary): string {
  const { title, began_at, ferry_version, duration_ms, size_B, complete, sound_ms, bookmarks, captions } = summary
  return [
    file,
    pairs([
      ['title', title],
      ['began', `${localTime(began_at)}, Ferry ${ferry_version}`],
      ['duration', ms(duration_ms)],
      ['size', traffic(size_B)],
      ['ended', complete ? 'properly' : 'cut off: it is shown as far as it goes'],
      ['voice', sound_ms > 0 ? ms(sound_ms) : 'none'],
      ['annotations', `${plural(bookmarks, 'bookmark')}, ${plural(captions, 'caption')}`],
    ]),
    ...(summary.chapters.length > 0 ? ['', table(CHAPTERS, summary.chapters, '  ')] : []),
    '',
    table(ENTRIES, summary.entries, '  '),
    '',
    table(PARTS, summary.parts, '  '),
  ].join('\n')
}

const CHAPTERS: readonly Column<Chapter>[] = [
  { title: 'at', align: 'right', cell: ({ at_ms }) => `${(at_ms / 1000).toFixed(1)} s` },
  { title: 'chapter', cell: ({ title }) => title },
]
const ENTRIES: readonly Column<RecordingSummary['entries'][number]>[] = [
  { title: 'entries', align: 'right', cell: ({ entries }) => count(entries) },
  { title: 'what', cell: ({ what }) => what },
  { title: 'of', cell: ({ of }) => of },
]
const PARTS: readonly Column<RecordingSummary['parts'][number]>[] = [
  { title: 'part', cell: ({ part }) => part },
  { title: 'chunks', align: 'right', cell: ({ chunks }) => count(chunks) },
  { title: 'size', align: 'right', cell: ({ size_B }) => traffic(size_B) },
]
