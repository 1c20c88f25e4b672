/** A guest on its way out of QEMU: Ferry is the destination of QEMU's own migration. QEMU keeps its guest all the same. */
import { join } from 'node:path'
import type { NativeRecord } from '../hypervisors/hypervisor.ts'
import { StreamReader } from '../hypervisors/qemu/stream/reader.ts'
import { FerryError } from '../util/errors.ts'
import { listen } from './listening.ts'
import { readThrough } from '../util/one-buffer.ts'
import type { Qmp } from './qmp.ts'
import { isOver, migrationStatus, type QmpEvent, UNLIMITED_BPS } from './qmp-messages.ts'

/** All of RAM crosses a socket of this computer; one that has not by then does not. */
const DEADLINE_MS = 60_000
/**
 * QEMU stops the guest when it expects the rest to take no longer. It takes this literally: with 20 ms, up to a fifth of
 * 128 MB, of which nothing had been sent yet, was left for the time in which the guest stands still.
 */
const DOWNTIME_LIMIT_MS = 1
/** A guest that writes faster than that is stopped all the same: from so long after the start, with such a limit. */
const PATIENCE: readonly { readonly afterMs: number; readonly limitMs: number }[] = [
  { afterMs: 1_000, limitMs: 5 },
  { afterMs: 2_500, limitMs: 20 },
  // The largest limit that QEMU takes (MAX_MIGRATE_DOWNTIME of migration/migration.c).
  { afterMs: 5_000, limitMs: 2_000_000 },
]

export interface DepartureOptions {
  readonly qmp: Qmp
  /** For the socket. */
  readonly folder: string
  readonly ramBytes: number
  readonly vgaBytes: number
  /** A page as it is now; it may come again. `bytes` is null for zeros, and valid during the call only. */
  readonly page: (block: 'ram' | 'video', page: number, bytes: Uint8Array | null) => void
}

export interface Departed {
  readonly records: readonly NativeRecord[]
  /** The moment at which QEMU stopped the guest; null where it stood still before. */
  readonly stop: QmpEvent | null
}

/**
 * Has QEMU send its guest. It runs until the last pages; afterwards QEMU keeps it, stopped, and `cont` lets it go on.
 * @throws FerryError `qemu.departure` and what the reader says; the guest is as it was, or stopped
 */
export async function depart(options: DepartureOptions): Promise<Departed> {
  const { qmp, folder, ramBytes, vgaBytes, page } = options
  const path = join(folder, `outgoing-${process.hrtime.bigint()}`)
  const listening = await listen(path, true)
  const reader = new StreamReader({ ramBytes, vgaBytes }, { page })
  const from = qmp.position
  const impatient: NodeJS.Timeout[] = []
  try {
    await qmp.command('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
    await qmp.command('migrate-set-parameters', {
      'max-bandwidth': UNLIMITED_BPS,
      'downtime-limit': DOWNTIME_LIMIT_MS,
    })
    let whole = (): void => undefined
    const ended = new Promise<void>((resolve) => (whole = resolve))
    const take = (bytes: Uint8Array): void => {
      reader.push(bytes)
      if (reader.ended) whole()
    }
    const reading = listening.connected.then((socket) => readThrough(socket, take))
    reading.catch(() => undefined)
    await qmp.command('migrate', { uri: `unix:${path}` })
    for (const { afterMs, limitMs } of PATIENCE) {
      const relent = () =>
        void qmp.command('migrate-set-parameters', { 'downtime-limit': limitMs }).catch(() => undefined)
      impatient.push(setTimeout(relent, afterMs))
    }
    const over = await Promise.race([
      qmp.event(isOver, DEADLINE_MS, from),
      // A stream that cannot be read is no use: not to wait until QEMU has noticed.
      reading.then(() => qmp.event(isOver, DEADLINE_MS, from)),
    ])
    if (over === null || migrationStatus(over) !== 'completed') throw unfinished(over)
    // Nothing comes behind the end (`suppress-vmdesc`), and QEMU closes the connection when it likes.
    await Promise.race([reading, ended])
    const { records } = reader.end()
    return { records, stop: await qmp.event(({ name }) => name === 'STOP', 0, from) }
  } catch (thrown) {
    // Without effect where it is over; QEMU lets the guest go on that it had stopped for it.
    await qmp.command('migrate_cancel').catch(() => undefined)
    throw FerryError.from(thrown)
  } finally {
    for (const timer of impatient) clearTimeout(timer)
    listening.close()
  }
}

const unfinished = (over: QmpEvent | null): FerryError =>
  new FerryError('qemu.departure', 'QEMU did not hand out its guest; it keeps it.', {
    status: over === null ? 'no answer' : migrationStatus(over),
  })
