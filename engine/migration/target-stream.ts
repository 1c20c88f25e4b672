/**
 * Stages 2 and 3 at the target, as far as the stream goes: pages and rehearsals while the guest runs at the source,
 * then the last pages and the state. What arrives is complete and consistent, or an error.
 */
import { nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import { Bitmap } from '../util/bitmap.ts'
import { collectGarbage } from '../util/garbage.ts'
import type { PageReceiver } from './page-receiver.ts'
import type { Connection } from './protocol/connection.ts'
import type { CpuBody } from './protocol/binary.ts'
import type { MissingBody } from './protocol/page-sets.ts'
import type { TargetPull } from './pull/target-pull.ts'
import type { Body } from './protocol/schemas.ts'
import type { Deadlines } from './deadlines.ts'
import type { TargetSlot } from './target-options.ts'
import type { Translator } from './translator.ts'

export interface StreamContext {
  readonly connection: Connection
  readonly deadlines: Deadlines
  readonly slot: TargetSlot
  readonly translator: Translator
  readonly clock: 'continue' | 'freeze'
  readonly receiver: PageReceiver
  /** Takes what the source says is missing, where the algorithm pulls. */
  readonly pull: TargetPull | null
  /** Pages or a round have arrived. */
  readonly onProgress: (rounds: number) => void
  /** The guest has stopped; its state is coming. */
  readonly onStopped: () => void
}

/** The guest's state, and when it came, `nowMs()`. */
export interface Arrival {
  readonly container: Uint8Array
  /** The first of what came with it was taken. */
  readonly arrivedMs: number
  readonly receivedMs: number
}

/** @throws FerryError `protocol.*`, or what machine and translator say */
export async function receiveStream(context: StreamContext): Promise<Arrival> {
  const { connection, deadlines, receiver } = context
  const { progressMs } = deadlines
  let before = 0
  let rounds = 0
  let arrivedMs = Infinity
  const types = ['PAGES', 'ROUND_END', 'REHEARSAL', 'MISSING', 'CPU_BEG'] as const
  for (;;) {
    const message = await connection.receive(types, progressMs, 'pages')
    const last = message.type === 'PAGES' ? message.body.hold : ['MISSING', 'CPU_BEG'].includes(message.type)
    if (last) arrivedMs = Math.min(arrivedMs, nowMs())
    switch (message.type) {
      case 'PAGES':
        await receiver.take(message.body)
        break
      case 'ROUND_END':
        await endRound(context, message.body, rounds, receiver.received - before)
        before = receiver.received
        rounds++
        break
      case 'REHEARSAL':
        await rehearse(context, message.body.number, message.body.bytes)
        break
      case 'MISSING':
        leaveOut(context, message.body)
        break
      case 'CPU_BEG':
        context.onStopped()
        return { container: await receiveState(context, message.body), arrivedMs, receivedMs: nowMs() }
    }
    context.onProgress(rounds)
  }
}

/** Pages that come after the switch-over: all that never came, and those whose last version did not. */
function leaveOut({ receiver, pull }: StreamContext, { count, bitmap }: MissingBody): void {
  const missing = Bitmap.of(bitmap, count)
  if (pull === null || pull.left > 0 || count !== receiver.ramPages) {
    throw new FerryError(
      'protocol.unexpected',
      'Pages were said to be missing where none may be, or not of this guest.',
    )
  }
  if (!receiver.excuse(missing)) {
    throw new FerryError('protocol.incomplete', 'Pages of RAM have not come and are not said to be missing.')
  }
  pull.begin(missing)
}

async function endRound(
  { connection, deadlines, receiver }: StreamContext,
  told: Body<'ROUND_END'>,
  round: number,
  pages: number,
): Promise<void> {
  if (told.round !== round || told.pages !== pages) {
    throw new FerryError(
      'protocol.round',
      `Round ${told.round} of ${told.pages} pages ended; it is round ${round}, and ${pages} pages came.`,
    )
  }
  await receiver.written()
  await connection.send({ type: 'ACK', body: { of: 'round', number: round } }, deadlines.progressMs)
}

async function rehearse(context: StreamContext, number: number, bytes: Uint8Array): Promise<void> {
  const { connection, deadlines, slot, translator, clock } = context
  if (number === 0) collectGarbage()
  const { state } = translator.fromCommon(slot.hypervisor, bytes)
  await connection.interrupt.within(
    slot.machine.rehearse(state, clock, context.pull?.missing),
    deadlines.machineMs,
    'machine-rehearsal',
  )
  await connection.send({ type: 'ACK', body: { of: 'rehearsal', number } }, deadlines.progressMs)
}

async function receiveState({ connection, deadlines, receiver }: StreamContext, cpu: CpuBody): Promise<Uint8Array> {
  const { body: device } = await connection.receive(['DEV_BEG'], deadlines.progressMs, 'state')
  if (receiver.missing > 0) {
    throw new FerryError('protocol.incomplete', `${receiver.missing} pages were never sent.`, {
      pages: receiver.missing,
    })
  }
  if (cpu.pagesSent !== receiver.received >>> 0) {
    throw new FerryError('protocol.page-count', `The source sent ${cpu.pagesSent} pages; ${receiver.received} came.`)
  }
  const length = cpu.bytes.length + device.bytes.length
  if (length !== cpu.stateBytes) {
    throw new FerryError('protocol.state-size', `The state has ${length} of ${cpu.stateBytes} bytes.`)
  }
  const container = new Uint8Array(length)
  container.set(cpu.bytes, 0)
  container.set(device.bytes, cpu.bytes.length)
  return container
}

/**
 * The state, and the pages that came with it, into the machine; and what a pull needs is set up.
 * @returns what READY tells
 */
export async function loadGuest(
  context: StreamContext,
  { container, arrivedMs, receivedMs }: Arrival,
): Promise<Body<'READY'>> {
  const { connection, deadlines, slot, translator, clock, receiver, pull } = context
  const startMs = nowMs()
  const { state } = translator.fromCommon(slot.hypervisor, container)
  const unpackedMs = nowMs()
  // Calls are carried out in order: the pages before these are written when this resolves.
  const loading = slot.machine.load(receiver.held, state, clock, pull?.missing)
  const [loaded, written] = await Promise.allSettled([
    connection.interrupt.within(loading, deadlines.machineMs, 'machine-load'),
    receiver.written(),
  ])
  if (written.status === 'rejected') throw written.reason
  if (loaded.status === 'rejected') throw loaded.reason
  connection.interrupt.check()
  const loadedMs = nowMs()
  const { beganMs, pagesMs, restoreMs } = loaded.value
  const pagesLoadedMs = beganMs + pagesMs
  const stateLoadedMs = pagesLoadedMs + restoreMs
  const machine = { loadBeganMs: beganMs, pagesLoadedMs, stateLoadedMs }
  await pull?.arm()
  const at = { arrivedMs, receivedMs, unpackedMs, ...machine, loadedMs, readyMs: nowMs() }
  return { unpackMs: unpackedMs - startMs, restoreMs: loadedMs - unpackedMs, at }
}
