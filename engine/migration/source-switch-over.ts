/** Stage 3 at the source: the guest stops; its last pages, CPU and devices go over in one write. */
import { nowMs } from '../util/clock.ts'
import type { StopTimes } from './critical-window.ts'
import type { Deadlines } from './deadlines.ts'
import type { Connection } from './protocol/connection.ts'
import type { Message } from './protocol/messages.ts'
import type { SourcePull } from './pull/source-pull.ts'
import { endNatively } from './source-native.ts'
import type { SourceOptions, Tuning } from './source-options.ts'
import type { SourceRounds } from './source-rounds.ts'
import type { Statistics } from './statistics.ts'

export interface SwitchOverContext {
  readonly options: SourceOptions
  readonly deadlines: Deadlines
  readonly tuning: Tuning
  readonly rounds: SourceRounds
  readonly statistics: Statistics
  /** Where pages of RAM follow later. */
  readonly pull: SourcePull | null
}

/**
 * Resolves when the target has loaded everything.
 * @returns what was measured
 * @throws FerryError `deadline.*`, `connection.*`, or what the machine says
 */
export async function stopAndSend(connection: Connection, context: SwitchOverContext): Promise<StopTimes> {
  const { options, deadlines, tuning, rounds, statistics: s, pull } = context
  if (rounds.native !== null) return endNatively(connection, context, rounds.native)
  const { machine, hypervisor, translator } = options
  const orderedMs = nowMs()
  const stopping = machine.stop({ inlinePages: tuning.inlinePages, leaveRam: pull !== null })
  const stop = await connection.interrupt.within(stopping, deadlines.machineMs, 'machine-stop')
  const stopKnownMs = nowMs()
  if (stop.remaining.length > 0) await rounds.sendStopped(stop.remaining)
  const pagesSentMs = stop.remaining.length > 0 ? nowMs() : stopKnownMs
  const { bytes } = translator.toCommon(hypervisor, stop.state)
  const packMs = nowMs() - pagesSentMs
  const batches = rounds.frames(stop.batches)
  const inlinePages = batches.reduce((sum, b) => sum + b.pages.length + b.zeroPages.length, 0)
  const cut = translator.deviceOffset?.(bytes) ?? 0
  const held = await rounds.encodeHeld(batches)
  const missing = pull === null ? [] : [rounds.leave(stop, pull)]
  const encodedMs = nowMs()
  connection.post([
    ...held.map((body): Message => ({ type: 'PAGES', body })),
    ...missing,
    {
      type: 'CPU_BEG',
      body: { stateBytes: bytes.length, pagesSent: s.pages_sent + inlinePages, bytes: bytes.subarray(0, cut) },
    },
    { type: 'DEV_BEG', body: { bytes: bytes.subarray(cut) } },
  ])
  const writtenMs = nowMs()
  const ready = connection.receive(['READY'], deadlines.readyMs, 'ready')
  // Bookkeeping while the target loads.
  rounds.countStopped(batches)
  s.pages_remaining = pull?.left ?? 0
  s.state_bytes = bytes.length
  s.paused_at_ms = stop.pausedAtMs
  s.stop_wait_ms = Math.max(0, stop.pausedAtMs - orderedMs)
  const { pausedAtMs, lastPagesMs, captureMs } = stop
  const { unpackMs, restoreMs, at } = (await ready).body
  return {
    ...{ pausedAtMs, lastPagesMs, captureMs, stopKnownMs, pagesSentMs, packMs, unpackMs, restoreMs, verifyMs: 0 },
    ...{ stopBeganMs: stop.beganMs, encodedMs, writtenMs, readyMs: nowMs(), target: at },
  }
}
