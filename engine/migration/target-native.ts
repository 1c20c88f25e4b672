/** Stages 2 and 3 at the target, where another hypervisor of the same kind sends the guest: its stream goes on unread. */
import { nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import type { Body } from './protocol/schemas.ts'
import type { StreamContext } from './target-stream.ts'

/**
 * Takes the whole stream in.
 * @returns what READY tells
 * @throws FerryError `machine.unsupported`, `protocol.native-bytes`, or what the machine says
 */
export async function takeNatively({
  connection,
  deadlines,
  slot,
  onProgress,
  onStopped,
}: Pick<StreamContext, 'connection' | 'deadlines' | 'slot' | 'onProgress' | 'onStopped'>): Promise<Body<'READY'>> {
  const { native } = slot.machine
  if (native === undefined) throw new FerryError('machine.unsupported', 'No hypervisor here understands the stream.')
  let bytes = 0
  for (;;) {
    const message = await connection.receive(['NATIVE', 'NATIVE_END'], deadlines.progressMs, 'pages')
    if (message.type === 'NATIVE') {
      bytes += message.body.bytes.length
      await connection.interrupt.within(native.arrive(message.body.bytes), deadlines.machineMs, 'machine-load')
      onProgress(0)
      continue
    }
    onStopped()
    const arrivedMs = nowMs()
    if (message.body.bytes !== bytes) {
      throw new FerryError('protocol.native-bytes', `${bytes} of ${message.body.bytes} bytes of the stream came.`)
    }
    const arriving = native.arrived(Buffer.from(message.body.typed, 'base64'))
    await connection.interrupt.within(arriving, deadlines.machineMs, 'machine-load')
    const loadedMs = nowMs()
    const [receivedMs, unpackedMs, loadBeganMs, pagesLoadedMs] = [arrivedMs, arrivedMs, arrivedMs, arrivedMs]
    const at = {
      arrivedMs,
      receivedMs,
      unpackedMs,
      loadBeganMs,
      pagesLoadedMs,
      stateLoadedMs: loadedMs,
      loadedMs,
      readyMs: nowMs(),
    }
    return { unpackMs: 0, restoreMs: loadedMs - arrivedMs, at }
  }
}
