/** The migrations of a recording: what was told of each, and how it stood at a time. */
import type {
  ActiveMigration,
  GuestView,
  HostView,
  LabEvents,
  MigrationProgress,
} from '../../../engine/contract/lab.ts'
import type { MessageView } from '../../../engine/contract/messages.ts'
import type { RunReport } from '../../../engine/contract/report.ts'
import { countUntil } from './track.ts'

/** As many sentences as the lab keeps for a front end that comes later (engine/lab/active-run.ts). */
const MOST_NOTES = 200

/** What a migration is, from its beginning to its end. */
export type RunIdentity = Omit<ActiveMigration, 'age_ms' | 'progress'>

/** One of the things told of a run, in their order. */
export type RunEvent =
  | { readonly t: number; readonly kind: 'progress'; readonly payload: MigrationProgress }
  | { readonly t: number; readonly kind: 'probes'; readonly payload: LabEvents['migrations.probes'] }

export interface RunHistory {
  readonly identity: RunIdentity
  /** When it was first told of, or known to be under way. */
  readonly began_ms: number
  /** When its report was told; Infinity: not in this recording. */
  readonly ended_ms: number
  readonly report: RunReport | null
  /** How it stood when the recording began in its middle. */
  readonly before: MigrationProgress | null
  readonly events: readonly RunEvent[]
  readonly messages: readonly MessageView[]
  /** For each batch of messages: when it was told, and how many there were then. */
  readonly told: readonly { readonly t: number; readonly count: number }[]
}

/** A migration as the window takes it up: what was told of it until a time, and how it ended if it had. */
export interface PastRun {
  readonly identity: RunIdentity
  readonly guest: GuestView
  readonly from: Pick<HostView, 'name' | 'kind'>
  readonly to: Pick<HostView, 'name' | 'kind'>
  readonly began_ms: number
  /** Infinity: not in this recording. */
  readonly ended_ms: number
  readonly before: MigrationProgress | null
  readonly events: readonly RunEvent[]
  /** Null: it was under way. */
  readonly report: RunReport | null
}

export const eventsUntil = (run: RunHistory, t: number): readonly RunEvent[] =>
  run.events.slice(
    0,
    countUntil(
      run.events.map((event) => event.t),
      t,
    ),
  )

export function messagesUntil(run: RunHistory, t: number): readonly MessageView[] {
  if (t >= run.ended_ms) return run.messages
  return run.messages.slice(0, run.told.findLast((batch) => batch.t <= t)?.count ?? 0)
}

/** All that had been told of it by then, put together as the lab does; null: nothing yet. */
export function progressAt(run: RunHistory, t: number): MigrationProgress | null {
  const told = eventsUntil(run, t).flatMap((event) => (event.kind === 'progress' ? [event.payload] : []))
  const all = run.before === null ? told : [run.before, ...told]
  const now = all.at(-1)
  if (now === undefined) return null
  return {
    stage: now.stage,
    round: now.round,
    pages_total: now.pages_total,
    remaining_pages: now.remaining_pages,
    pages_sent: now.pages_sent,
    bytes_sent_B: now.bytes_sent_B,
    rate_Bps: now.rate_Bps,
    estimate_ms: now.estimate_ms,
    pull: now.pull,
    notes: all.flatMap(({ notes }) => notes).slice(-MOST_NOTES),
    stages: all.flatMap(({ stages }) => stages),
    rounds: all.flatMap(({ rounds }) => rounds),
  }
}

/** What a history is gathered in. */
export class RunGathering {
  readonly #id: string
  #identity: RunIdentity | null = null
  #began_ms = Infinity
  #ended_ms = Infinity
  #report: RunReport | null = null
  #before: MigrationProgress | null = null
  readonly #events: RunEvent[] = []
  #messages: MessageView[] = []
  readonly #told: { t: number; count: number }[] = []

  constructor(id: string) {
    this.#id = id
  }

  /** Id of the guest, where the lab has said it. */
  get guest(): string | undefined {
    return this.#identity?.guest
  }

  /** The lab's own answer says whose run it is. What it says of the progress counts where nothing was told before. */
  active(t: number, { age_ms: _, progress, ...identity }: ActiveMigration): void {
    this.#identity ??= identity
    if (this.#events.length === 0 && this.#before === null) this.#before = progress
    this.#began_ms = Math.min(this.#began_ms, t)
  }

  event(event: RunEvent): void {
    this.#events.push(event)
    this.#began_ms = Math.min(this.#began_ms, event.t)
  }

  messages(t: number, first: number, messages: readonly MessageView[]): void {
    // What came before the recording began is not known; the places of the others stay right by leaving them out.
    if (first > this.#messages.length) return
    this.#messages = [...this.#messages.slice(0, first), ...messages]
    this.#told.push({ t, count: this.#messages.length })
    this.#began_ms = Math.min(this.#began_ms, t)
  }

  ended(t: number, report: RunReport): void {
    this.#report = report
    this.#ended_ms = t
  }

  /** The messages of the whole run, from the lab's store. */
  details(messages: readonly MessageView[]): void {
    if (messages.length > this.#messages.length) this.#messages = [...messages]
  }

  /** @param guess whose run it is, where the lab did not say; null: nothing was told of it while it ran */
  history(guess: (began_ms: number, report: RunReport | null) => RunIdentity | null): RunHistory | null {
    const began_ms = Math.min(this.#began_ms, this.#ended_ms)
    if (this.#events.length === 0 && this.#identity === null) return null
    const identity = this.#identity ?? guess(began_ms, this.#report)
    if (identity === null) return null
    return {
      identity: { ...identity, run_id: this.#id },
      began_ms,
      ended_ms: this.#ended_ms,
      report: this.#report,
      before: this.#before,
      events: this.#events,
      messages: this.#messages,
      told: this.#told,
    }
  }
}
