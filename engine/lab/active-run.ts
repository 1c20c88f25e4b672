/** A migration under way: what was asked for, how it stands, what can be done about it. */
import * as v from 'valibot'
import { type ActiveMigration, type MigrateInput, migrateInput, type MigrationProgress } from '../contract/lab.ts'
import type { QosTargets, TargetChanges } from '../contract/prediction.ts'
import type { RunReport } from '../contract/report.ts'
import { type LinkSpec, parseLink } from '../migration/link.ts'
import { PageMap } from '../migration/page-map.ts'
import type { PolicyOptions } from '../migration/policy/pool.ts'
import type { ProgressEvent } from '../migration/progress.ts'
import type { Migration } from '../migration/source-options.ts'
import { nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import type { Guest } from './guest.ts'
import { RunMessages } from './run-messages.ts'
import { changedTargets, limitedLink, preCopyTargets, withoutTargets } from './targets.ts'

/** Sentences that are kept for a front end that comes later. */
const MOST_NOTES = 200

export class ActiveRun {
  readonly id: string
  readonly guest: Guest
  /** Names of the hosts. */
  readonly from: string
  readonly to: string
  readonly pages: PageMap
  messages = new RunMessages(nowMs())
  readonly #askedAtMs = nowMs()
  #startedAtMs = nowMs()
  #input: MigrateInput
  #link: LinkSpec
  #policy: PolicyOptions
  #migration: Migration | null = null
  #cancelled = false
  #progress: MigrationProgress | null = null
  #finished: Promise<RunReport> | null = null

  /** Ends it whatever that costs: the lab closes. */
  abandon(): void {
    this.#cancelled = true
    this.#migration?.abandon(new FerryError('lab.closed', 'The lab was closed.'))
  }

  /** @throws FerryError `link.*` */
  constructor(id: string, guest: Guest, to: string, input: MigrateInput, policy: PolicyOptions) {
    this.id = id
    this.guest = guest
    this.from = guest.residence.host
    this.to = to
    this.#input = input
    this.#policy = policy
    this.pages = new PageMap(guest.residence.machine.blocks)
    this.#link = parseLink(input.link ?? 'unlimited')
  }

  /** The link as it is now, no faster than the targets allow. */
  get link(): LinkSpec {
    return limitedLink(this.#link, this.#input)
  }

  /** The algorithms' options as they are now. */
  get policy(): PolicyOptions {
    return this.#policy
  }

  /** True as soon as the migration itself was started. */
  get begun(): boolean {
    return this.#migration !== null
  }

  /** Stage of the source, as its newest message has it. */
  get stage(): number {
    return this.messages.stage
  }

  /** Stage of the source, as it told it last. */
  get toldStage(): number {
    return this.#progress?.stage ?? 0
  }

  /** The report; rejects where nothing was begun. */
  get finished(): Promise<RunReport> {
    if (this.#finished === null) throw new Error('The run was not carried out.')
    return this.#finished
  }

  carriedOut(finished: Promise<RunReport>): void {
    this.#finished = finished
    // Whoever waits for the run is told; that nobody does is no error of its own.
    finished.catch(() => undefined)
  }

  /** From this moment, `nowMs()`, times are counted. */
  starts(atMs: number): void {
    this.#startedAtMs = atMs
    this.messages = new RunMessages(atMs)
  }

  follow(migration: Migration): void {
    this.#migration = migration
    if (this.#cancelled) migration.cancel()
  }

  /** False when it is too late. */
  cancel(): boolean {
    this.#cancelled = true
    return this.#migration?.cancel() ?? true
  }

  /** @throws FerryError `link.*` */
  setLink(text: string): void {
    this.#link = parseLink(text)
    this.#migration?.setLink(this.link)
  }

  /** Pre-copy's rule and the link follow at once. @returns all targets as they are then */
  setTargets(changes: TargetChanges): QosTargets {
    const targets = changedTargets(this.#input, changes)
    this.#input = { ...withoutTargets(this.#input), ...targets }
    this.#policy = { ...this.#policy, preCopy: { ...this.#policy.preCopy, ...preCopyTargets(targets) } }
    this.#migration?.setPolicy(this.#policy)
    this.#migration?.setLink(this.link)
    return targets
  }

  /** @returns what there is to tell since the last time */
  progressed({ now, changes }: ProgressEvent): MigrationProgress {
    const startedAtMs = this.#startedAtMs
    const told: MigrationProgress = {
      stage: now.stage,
      round: now.round,
      pages_total: now.pagesTotal,
      remaining_pages: now.remainingPages,
      pages_sent: now.pagesSent,
      bytes_sent_B: now.bytesSent,
      rate_Bps: now.rate_Bps,
      estimate_ms: now.estimate_ms,
      pull:
        now.pull === null ? null : { state: now.pull.state, left_pages: now.pull.left, requests: now.pull.requests },
      notes: changes.flatMap((change) =>
        change.kind === 'decision' ? [change.decision.reason] : change.kind === 'pull' ? [change.why] : [],
      ),
      stages: changes.flatMap((change) =>
        change.kind === 'stage' ? [{ number: change.stage, started_ms: Math.max(0, change.atMs - startedAtMs) }] : [],
      ),
      rounds: changes.flatMap((change) => (change.kind === 'round' ? [change.round] : [])),
    }
    const before = this.#progress
    this.#progress = {
      ...told,
      notes: [...(before?.notes ?? []), ...told.notes].slice(-MOST_NOTES),
      stages: [...(before?.stages ?? []), ...told.stages],
      rounds: [...(before?.rounds ?? []), ...told.rounds],
    }
    return told
  }

  get view(): ActiveMigration {
    const { record: _, ...input } = v.parse(migrateInput, this.#input)
    const { id: run_id, from, to } = this
    const age_ms = nowMs() - this.#askedAtMs
    return { run_id, guest: this.guest.identity.id, from, to, input, age_ms, progress: this.#progress }
  }
}
