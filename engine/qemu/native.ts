/**
 * QEMU's own pre-copy, from one QEMU to another, unread: what Ferry's algorithms are measured against. QEMU decides when the
 * guest stops, by its own rules and with its own limits.
 */
import { join } from 'node:path'
import type { NativeDeparture, NativeThrottle } from '../machine/machine.ts'
import { nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import { setCapabilities } from './capabilities.ts'
import { listen } from './listening.ts'
import { ThrottleWatch } from './throttle-watch.ts'
import type { QemuProcess } from './process.ts'
import { isOver, migrationInfo, migrationStatus, type QmpEvent, UNLIMITED_BPS } from './qmp-messages.ts'

/** QEMU's default: it stops the guest when it expects the rest to take no longer (migration/migration.c). */
const DOWNTIME_LIMIT_MS = 300
/** A guest that writes faster than that is stopped all the same, after so long: without it, QEMU would never end. */
const PATIENCE_MS = 30_000
/** The largest limit that QEMU takes (MAX_MIGRATE_DOWNTIME of migration/migration.c). */
const MOST_DOWNTIME_MS = 2_000_000
/** From the end of the stream to QEMU saying so. */
const END_DEADLINE_MS = 15_000

export interface NativeOptions {
  readonly process: QemuProcess
  readonly send: (bytes: Uint8Array) => Promise<void>
  /** The guest has stopped. */
  readonly onStopped: () => void
  /** How QEMU slows the guest down; null: it does not. */
  readonly throttle: NativeThrottle | null
  /** When an event happened, by `nowMs()`. */
  readonly timeOf: (event: QmpEvent, afterMs: number) => number
}

/** @throws FerryError `qemu.departure`, or what `send` says; the guest goes on */
export async function departNatively(options: NativeOptions): Promise<NativeDeparture> {
  const { process: qemu, send, throttle } = options
  const { qmp, serial, folder } = qemu
  const path = join(folder, `native-${process.hrtime.bigint()}`)
  const listening = await listen(path)
  const startMs = nowMs()
  const from = qmp.position
  let impatient: NodeJS.Timeout | undefined
  const watching = new ThrottleWatch(qmp)
  let over = false
  try {
    await setCapabilities(qmp, { events: true, 'auto-converge': throttle !== null })
    await qmp.command('migrate-set-parameters', {
      'max-bandwidth': UNLIMITED_BPS,
      'downtime-limit': DOWNTIME_LIMIT_MS,
      ...(throttle === null ? {} : throttleParameters(throttle)),
    })
    await qmp.command('migrate', { uri: `unix:${path}` })
    if (throttle !== null) watching.begin()
    impatient = setTimeout(() => {
      qmp.command('migrate-set-parameters', { 'downtime-limit': MOST_DOWNTIME_MS }).catch(() => undefined)
    }, PATIENCE_MS)
    const socket = await listening.connected
    const stopped = () => (over ? null : qmp.event(({ name }) => name === 'STOP', WATCH_MS, from))
    const onStopped = (): void => {
      watching.end()
      options.onStopped()
    }
    void watch(stopped, onStopped)
    // A link that is full holds QEMU up: it measures the link, not this process.
    for await (const bytes of socket) await send(bytes as Uint8Array)
    const ended = await qmp.event(isOver, END_DEADLINE_MS, from)
    if (ended === null || migrationStatus(ended) !== 'completed') throw unfinished(ended)
    const stop = await qmp.event(({ name }) => name === 'STOP', 0, from)
    const { ram } = await qmp.ask('query-migrate', migrationInfo)
    serial.drain()
    const [zeroPages, others] = [ram?.duplicate ?? 0, ram?.normal ?? 0]
    return {
      pausedAtMs: stop === null ? startMs : options.timeOf(stop, startMs),
      // It stays on the line as well: for the guest if it goes on here.
      typed: putBack(serial),
      ...{ pages: zeroPages + others, zeroPages, rounds: ram?.['dirty-sync-count'] ?? 0 },
      ...{ throttleMax: watching.most, throttledMs: watching.sleptMs },
    }
  } catch (thrown) {
    // QEMU lets a guest go on that it had stopped for it.
    await qmp.command('migrate_cancel').catch(() => undefined)
    await qmp.event(isOver, END_DEADLINE_MS, from).catch(() => null)
    if (throttle !== null) await setCapabilities(qmp, { 'auto-converge': false }).catch(() => undefined)
    // A connection that breaks is QEMU's giving up, or its end.
    throw thrown instanceof FerryError ? thrown : unfinished(null)
  } finally {
    over = true
    watching.end()
    clearTimeout(impatient)
    listening.close()
  }
}

/** QEMU counts in whole percents, and takes 1 to 99 of them (migration/migration.c). */
const percent = (share: number): number => Math.min(99, Math.max(1, Math.round(share * 100)))

const throttleParameters = ({ initial, step, cap }: NativeThrottle): Record<string, number> => ({
  'cpu-throttle-initial': percent(Math.min(initial, cap)),
  'cpu-throttle-increment': percent(step),
  'max-cpu-throttle': percent(cap),
})

/** Between two looks whether anybody still waits for the stop. */
const WATCH_MS = 1000

async function watch(stopped: () => Promise<QmpEvent | null> | null, onStopped: () => void): Promise<void> {
  for (let waiting = stopped(); waiting !== null; waiting = stopped()) {
    if ((await waiting.catch(() => null)) !== null) return onStopped()
  }
}

function putBack(serial: QemuProcess['serial']): Uint8Array<ArrayBuffer> {
  const typed = serial.takeBack()
  serial.write(typed)
  return typed
}

const unfinished = (over: QmpEvent | null): FerryError =>
  new FerryError('qemu.departure', 'QEMU did not hand out its guest; it keeps it.', {
    status: over === null ? 'no answer' : migrationStatus(over),
  })
