/** What a recording is made of for whoever watches it: migrations as chapters, their stages, and the moments of note. */
import { STAGE_NAMES } from '../../../engine/contract/report.ts'
import { isAction, isEvent, type RecordingModel } from './model.ts'
import type { RunHistory } from './runs-model.ts'
import { countUntil } from './track.ts'

export interface Stretch {
  readonly from_ms: number
  readonly to_ms: number
}

export interface StageStretch extends Stretch {
  readonly number: number
  readonly name: string
}

export interface Chapter extends Stretch {
  readonly run_id: string
  readonly title: string
  /** Null: the recording ends before it. */
  readonly outcome: string | null
  readonly stages: readonly StageStretch[]
}

export const chaptersOf = (model: RecordingModel): readonly Chapter[] =>
  model.runs.map((run) => {
    const { from, to, guest, run_id } = run.identity
    const name = model.guests.last(run.began_ms, (all) => all.some(({ id }) => id === guest))?.value
    const to_ms = Math.min(run.ended_ms, model.duration_ms)
    return {
      run_id,
      title: `${name?.find(({ id }) => id === guest)?.name ?? guest}, ${from} → ${to}`,
      outcome: run.report?.outcome ?? null,
      from_ms: run.began_ms,
      to_ms,
      stages: stagesOf(run, to_ms),
    }
  })

/** Stages are told with their times since the start of the run, some together and a little later than they began. */
function stagesOf(run: RunHistory, end_ms: number): readonly StageStretch[] {
  const told = run.events.flatMap(({ t, kind, payload }) =>
    kind === 'progress' ? payload.stages.map((stage) => ({ ...stage, t })) : [],
  )
  const first = told.filter(({ number }, i) => told.findIndex((other) => other.number === number) === i)
  const start_ms = Math.min(...first.map(({ t, started_ms }) => t - started_ms))
  const at = (i: number): number => {
    const stage = first[i]
    return stage === undefined ? end_ms : Math.min(end_ms, Math.max(run.began_ms, start_ms + stage.started_ms))
  }
  return first.map(({ number }, i) => ({
    number,
    name: STAGE_NAMES[number] ?? '',
    from_ms: at(i),
    to_ms: at(i + 1),
  }))
}

/** The chapter at a time, or the last one before it; null: none has begun. */
export const chapterAt = (chapters: readonly Chapter[], t: number): Chapter | null =>
  chapters.findLast(({ from_ms }) => from_ms <= t) ?? null

/** Where a stage, a round or a batch of messages was told, or somebody did something: ascending, each once. */
export function momentsOf(model: RecordingModel): Float64Array {
  const times = model.entries.flatMap((entry) => {
    if (isAction(entry)) return [entry.t]
    if (!isEvent(entry)) return []
    switch (entry.event) {
      case 'migrations.progress':
        return entry.payload.stages.length + entry.payload.rounds.length > 0 ? [entry.t] : []
      case 'migrations.messages':
      case 'runs.added':
      case 'guests.removed':
        return [entry.t]
      default:
        return []
    }
  })
  return Float64Array.from(new Set(times)).sort()
}

/** The next moment after a time, or the one before it; the ends of the recording where there is none. */
export function stepFrom(moments: Float64Array, t: number, forwards: boolean, duration_ms: number): number {
  const until = countUntil(moments, t)
  if (forwards) return moments[until] ?? duration_ms
  // At a moment, it is the one before this one that is meant.
  return moments[moments[until - 1] === t ? until - 2 : until - 1] ?? 0
}

/** How much was sent over time: messages in each of so many equal parts, as shares of the fullest. */
export function densityOf(model: RecordingModel, parts: number): readonly number[] {
  const counts = new Array<number>(parts).fill(0)
  for (const entry of model.entries) {
    if (!isEvent(entry) || entry.event !== 'migrations.messages') continue
    const part = Math.min(parts - 1, Math.floor((entry.t / Math.max(1, model.duration_ms)) * parts))
    counts[part] = (counts[part] ?? 0) + entry.payload.messages.length
  }
  const most = Math.max(1, ...counts)
  return counts.map((count) => count / most)
}

/** What somebody did, in words of the contract: `guests.pause`. Typing is one thing, however long. */
export function actionsOf(model: RecordingModel): readonly { readonly t: number; readonly name: string }[] {
  const found: { t: number; name: string }[] = []
  for (const entry of model.entries.filter(isAction)) {
    const last = found.at(-1)
    if (entry.action === 'guests.write' && last?.name === entry.action && entry.t - last.t < TYPING_MS) continue
    found.push({ t: entry.t, name: entry.action })
  }
  return found
}
const TYPING_MS = 2000

/** `1:02.5`, `1:00:02.5`. */
export function clockTime(ms: number): string {
  const tenths = Math.floor(ms / 100)
  const seconds = Math.floor(tenths / 10)
  const pad = (value: number) => String(value).padStart(2, '0')
  const minutes = Math.floor(seconds / 60)
  const head = minutes < 60 ? String(minutes) : `${Math.floor(minutes / 60)}:${pad(minutes % 60)}`
  return `${head}:${pad(seconds % 60)}.${tenths % 10}`
}
