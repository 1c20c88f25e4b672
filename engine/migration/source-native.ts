/** Stages 2 and 3 at the source, where the guest's hypervisor sends it by itself: Ferry carries the stream and does not read it. */
import type { NativeDeparture, NativeThrottle } from '../machine/machine.ts'
import { nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import type { StopTimes } from './critical-window.ts'
import type { Deadlines } from './deadlines.ts'
import type { Connection } from './protocol/connection.ts'
import type { SourceOptions } from './source-options.ts'
import type { Statistics } from './statistics.ts'

export interface NativeContext {
  readonly options: SourceOptions
  readonly deadlines: Deadlines
  /** Null: the guest is not slowed down. */
  readonly throttle: NativeThrottle | null
  /** A piece of the stream was sent. */
  readonly onPages: () => void
  /** The guest has stopped. */
  readonly onStopped: () => void
}

/** How the guest left. */
export interface NativeLeave extends NativeDeparture {
  /** Of the stream. */
  readonly bytes: number
  /** When this side knew that the vCPU stood still, and when the whole stream was sent; `nowMs()`. */
  readonly stopKnownMs: number
  readonly sentMs: number
}

/** @throws FerryError `machine.unsupported`, or what machine and connection say; the guest goes on here */
export async function departNatively(
  connection: Connection,
  { options, deadlines, throttle, onPages, onStopped }: NativeContext,
): Promise<NativeLeave> {
  const { machine } = options
  const { native } = machine
  if (native === undefined) {
    const message = `Guests on ${options.host.name} have no migration of their hypervisor's own. Choose another algorithm.`
    throw new FerryError('machine.unsupported', message)
  }
  let bytes = 0
  let stopKnownMs = Infinity
  const send = async (piece: Uint8Array): Promise<void> => {
    bytes += piece.length
    await connection.send({ type: 'NATIVE', body: { bytes: piece } }, deadlines.progressMs)
    onPages()
  }
  const stopped = (): void => {
    stopKnownMs = Math.min(stopKnownMs, nowMs())
    onStopped()
  }
  const departing = native.depart(send, stopped, throttle)
  try {
    const left = await connection.interrupt.within(departing, Infinity, 'departure')
    const sentMs = nowMs()
    return { ...left, bytes, sentMs, stopKnownMs: Math.min(stopKnownMs, sentMs) }
  } catch (thrown) {
    // It may have left just before: it stands still then, and nobody has told it to.
    await departing.then(() => machine.resume()).catch(() => undefined)
    throw thrown
  }
}

/** Resolves when the target has the guest. @returns what was measured @throws FerryError `deadline.*`, `connection.*` */
export async function endNatively(
  connection: Connection,
  { deadlines, statistics: s }: { readonly deadlines: Deadlines; readonly statistics: Statistics },
  { bytes, typed, pausedAtMs, stopKnownMs, sentMs, pages, zeroPages, rounds, ...left }: NativeLeave,
): Promise<StopTimes> {
  const body = { bytes, typed: Buffer.from(typed).toString('base64') }
  connection.post([{ type: 'NATIVE_END', body }])
  s.pages_sent = pages
  s.zero_pages = zeroPages
  s.rounds = rounds
  s.throttle_max = left.throttleMax
  s.throttled_ms = left.throttledMs
  s.pages_remaining = 0
  s.paused_at_ms = pausedAtMs
  const { unpackMs, restoreMs, at } = (await connection.receive(['READY'], deadlines.readyMs, 'ready')).body
  return {
    ...{ pausedAtMs, stopKnownMs, stopBeganMs: pausedAtMs, lastPagesMs: 0, captureMs: 0, packMs: 0, verifyMs: 0 },
    ...{ pagesSentMs: sentMs, encodedMs: sentMs, writtenMs: sentMs, readyMs: nowMs() },
    ...{ unpackMs, restoreMs, target: at },
  }
}
