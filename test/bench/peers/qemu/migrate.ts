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
} from './qmp-messages.ts'

/** A migration of an idle guest takes seconds at the most; one that has not ended by then does not converge. */
const MIGRATION_DEADLINE_MS = 60_000
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

/**
 * Bytes per second on a link; null = unlimited. QEMU lifts the limit for the last pages, when the guest has stopped
 * (migration_completion), so on a limited link its times are better than such a link would allow.
 */
export interface QemuMove {
  readonly source: Qemu
  readonly target: Qemu
  readonly algorithm: QemuAlgorithm
  readonly bytesPerSecond: number | null
  /** The target was started so that the guest stays paused there. */
  readonly paused: boolean
}

export interface QemuMoved {
  readonly completed: boolean
  readonly startedMs: number
  readonly endedMs: number
  readonly pauseRunMs: number | null
  readonly info: MigrationInfo
  readonly targetInfo: MigrationInfo
}

/**
 * Gets both sides ready, waits for `beforehand`, and moves the guest.
 * @throws FerryError `qemu.*` where a process ended or did not answer
 */
export async function migrate(move: QemuMove, beforehand: () => Promise<void>): Promise<QemuMoved> {
  const { source, target, algorithm, paused } = move
  const uri = await prepare(move)
  await beforehand()
  const startedMs = nowMs()
  const arrived = target.qmp.event(isOver, MIGRATION_DEADLINE_MS)
  // Where it is given up before anybody waits for it, its failure is told by the other side's.
  arrived.catch(() => undefined)
  if (algorithm.kind === 'stop-and-copy') await source.qmp.command('stop')
  await source.qmp.command('migrate', { uri })
  if (algorithm.kind === 'post-copy') await source.qmp.command('migrate-start-postcopy')
  // A guest that was stopped before stays paused on the target too; it is told to run the moment it has arrived.
  if (algorithm.kind === 'stop-and-copy' && !paused) {
    if (completed(await arrived)) await target.qmp.command('cont')
  }
  const [left, came] = [await source.qmp.event(isOver, MIGRATION_DEADLINE_MS), await arrived]
  const ok = completed(left) && completed(came)
  const resumed = ok && !paused ? await target.qmp.event(({ name }) => name === 'RESUME', RESUME_DEADLINE_MS) : null
  const stopped = source.qmp.events.find(({ name }) => name === 'STOP') ?? null
  const ends = [left, came, resumed].flatMap((event) => (event === null ? [] : [event.atMs]))
  return {
    completed: ok && (paused || resumed !== null),
    startedMs,
    endedMs: ends.length === 0 ? nowMs() : Math.max(...ends),
    pauseRunMs: stopped === null || resumed === null ? null : pauseToRun(stopped, resumed),
    info: await info(source),
    targetInfo: await info(target),
  }
}

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
  source.qmp.events.length = 0
  for (;;) {
    const port = (await info(target))['socket-address']?.[0]?.port
    if (port !== undefined) return `tcp:127.0.0.1:${port}`
    await sleep(5)
  }
}

async function info({ qmp }: Qemu): Promise<MigrationInfo> {
  const parsed = v.safeParse(migrationInfo, await qmp.command('query-migrate'))
  if (parsed.success) return parsed.output
  throw new FerryError(
    'qemu.protocol',
    `QEMU's answer to query-migrate is of another form: ${parsed.issues[0].message}`,
  )
}
