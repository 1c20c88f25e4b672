/** Orders that QEMU carries out at once, and says so. */
import { nowMs, sleep } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import type { Qmp } from './qmp.ts'
import type { QmpEvent } from './qmp-messages.ts'

const DEADLINE_MS = 10_000

/** What is needed of QMP. */
export type Orders = Pick<Qmp, 'command' | 'event' | 'patient' | 'position'>

/** @returns the event that tells that it was carried out @throws FerryError `qemu.command`, `qemu.ended` where it was not in time */
export async function order(qmp: Orders, command: string, event: string): Promise<QmpEvent> {
  const from = qmp.position
  await accepted(qmp, command)
  do {
    const told = await qmp.event(({ name }) => name === event, DEADLINE_MS, from)
    if (told !== null) return told
  } while (qmp.patient)
  throw new FerryError('qemu.ended', `QEMU did not carry out ${command} in time.`, { command })
}

/** QEMU tells that its migration is over before it has tidied up, and takes no `cont` until then (qmp_cont, qapi/misc). */
const NOT_YET = /not finalized yet/

async function accepted(qmp: Orders, command: string): Promise<void> {
  for (const end = nowMs() + DEADLINE_MS; ; await sleep(1)) {
    try {
      return void (await qmp.command(command))
    } catch (thrown) {
      if (!NOT_YET.test(FerryError.from(thrown).message) || nowMs() > end) throw thrown
    }
  }
}
