/** One migration between two QEMU processes: what is set, what is ordered, and what the events say of it. */
import * as v from 'valibot'
import { nowMs, sleep } from '../../../../engine/util/clock.ts'
import { FerryError } from '../../../../engine/util/errors.ts'
import type { Qemu } from './process.ts'
import {
  isOver,
  migrationInfo,
  migrationStatus,
  pauseToRun,
  UNLIMITED_BPS,
  type MigrationInfo,
  type QmpEvent,
} from '../../../../engine/qemu/qmp-messages.ts'

/** A migration of an idle guest takes seconds at the most; one that has not ended by then does not converge. */
const MIGRATION_DEADLINE_MS = 60_000
const LISTEN_DEADLINE_MS = 10_000
const RESUME_DEADLINE_MS = 10_000

export interface QemuAlgorithm {
  readonly kind: 'pre-copy' | 'post-copy' | 'stop-and-copy'
  /** `downtime-limit`, ms: QEMU stops the guest when it expects the rest to take no longer. */
  readonly downtimeLimitMs: number
}

/** 300 ms is QEMU's default (migration/migration.c, DEFAULT_MIGRATE_SET_DOWNTIME); 5 ms asks for what Ferry aims at. */
export const QEMU_ALGORITHMS: Readonly<Record<string, QemuAlgorithm>> = {
  'pre-copy': { kind: 'pre-copy', downtimeLimitMs: 300 },
  'pre-copy-5ms': { kind: 'pre-copy', downtimeLimitMs: 5 },
  'post-copy': { kind: 'post-copy', downtimeLimitMs: 300 },
  'stop-and-copy': { kind: 'stop-and-copy', downtimeLimitMs: 300 },
}

export interface QemuMove {
  readonly source: Qemu
  readonly target: Qemu
  readonly algorithm: QemuAlgorithm
  /**
   * Of the link; null = unlimited. QEMU lifts the limit for the last pages, when the guest has stopped
   * (migration_completion), so on a limited link its times are better than such a link would allow.
   */
  readonly bytesPerSecond: number | null
  /** The target was started so that the guest stays paused there. */
  readonly paused: boolean
}

export interface QemuMoved {
  readonly completed: boolean
  /** It runs on neither side. */
  readonly lost: boolean
  readonly startedMs: number
  readonly endedMs: number
  readonly pauseRunMs: number | null
  readonly info: MigrationInfo
}

/**
 * Gets both sides ready, waits for `beforehand`, and moves the guest. A migration that breaks off is told in the result.
 * @throws FerryError `qemu.*` where it could not even begin: the guest runs on its source
 */
export async function migrate(move: QemuMove, beforehand: () => Promise<void>): Promise<QemuMoved> {
  const { source, target, algorithm, paused } = move
  const stopFirst = algorithm.kind === 'stop-and-copy'
  const uri = await prepare(move)
  await beforehand()
  const startedMs = nowMs()
  const arriving = ended(target)
  if (stopFirst) await source.qmp.command('stop')
  await source.qmp.command('migrate', { uri })
  if (algorithm.kind === 'post-copy') await source.qmp.command('migrate-start-postcopy')
  // A guest that was stopped before stays paused on the target too; it is told to run the moment it has arrived.
  if (stopFirst && !paused && completed(await arriving)) await target.qmp.command('cont')
  const [left, came] = [await ended(source), await arriving]
  const ok = completed(left) && completed(came)
  const resumed = ok && !paused ? await resume(target) : null
  const ends = [left, came, resumed].flatMap((event) => (event === null ? [] : [event.atMs]))
  const stopped = source.qmp.events.find(({ name }) => name === 'STOP') ?? null
  return {
    completed: ok && (paused || resumed !== null),
    // QEMU resumes a guest on its source when it gives up in time; one that it stopped and left there is nowhere.
    lost: (!ok && !stopFirst && stands(source)) || (ok && !paused && resumed === null),
    startedMs,
    endedMs: ends.length === 0 ? nowMs() : Math.max(...ends),
    pauseRunMs: stopped === null || resumed === null ? null : pauseToRun(stopped, resumed),
    info: await info(source).catch(() => ({})),
  }
}

/** The event that ends the migration on one side; null where none came in time, or its process ended. */
const ended = ({ qmp }: Qemu): Promise<QmpEvent | null> => qmp.event(isOver, MIGRATION_DEADLINE_MS).catch(() => null)

const resume = ({ qmp }: Qemu): Promise<QmpEvent | null> =>
  qmp.event(({ name }) => name === 'RESUME', RESUME_DEADLINE_MS).catch(() => null)

const stands = ({ qmp }: Qemu): boolean =>
  qmp.events.findLast(({ name }) => name === 'STOP' || name === 'RESUME')?.name === 'STOP'

const completed = (event: QmpEvent | null): boolean => event !== null && migrationStatus(event) === 'completed'

/** Capabilities and parameters on both sides; the URI that the target listens at. */
async function prepare({ source, target, algorithm, bytesPerSecond }: QemuMove): Promise<string> {
  const post = algorithm.kind === 'post-copy'
  for (const { qmp } of [source, target]) {
    await qmp.command('migrate-set-capabilities', {
      capabilities: [
        { capability: 'events', state: true },
        { capability: 'postcopy-ram', state: post },
      ],
    })
  }
  await source.qmp.command('migrate-set-parameters', {
    'downtime-limit': algorithm.downtimeLimitMs,
    'max-bandwidth': bytesPerSecond ?? UNLIMITED_BPS,
    ...(post ? { 'max-postcopy-bandwidth': bytesPerSecond ?? 0 } : {}),
  })
  await target.qmp.command('migrate-incoming', { uri: 'tcp:127.0.0.1:0' })
  // What the source was loaded from is no part of its migration.
  source.qmp.forget()
  for (const until = nowMs() + LISTEN_DEADLINE_MS; nowMs() < until; await sleep(5)) {
    const port = (await info(target))['socket-address']?.[0]?.port
    if (port !== undefined) return `tcp:127.0.0.1:${port}`
  }
  throw new FerryError('qemu.listen', 'The target in QEMU did not tell where it listens.')
}

async function info({ qmp }: Qemu): Promise<MigrationInfo> {
  const parsed = v.safeParse(migrationInfo, await qmp.command('query-migrate'))
  if (parsed.success) return parsed.output
  throw new FerryError(
    'qemu.protocol',
    `QEMU's answer to query-migrate is of another form: ${parsed.issues[0].message}`,
  )
}
