/** Orders that QEMU carries out at once, and says so. */
import { FerryError } from '../util/errors.ts'
import type { Qmp } from './qmp.ts'
import type { QmpEvent } from './qmp-messages.ts'

const DEADLINE_MS = 10_000

/** @returns the event that tells that it was carried out @throws FerryError `qemu.command`, `qemu.ended` where it was not in time */
export async function order(qmp: Qmp, command: string, event: string): Promise<QmpEvent> {
  const from = qmp.position
  await qmp.command(command)
  do {
    const told = await qmp.event(({ name }) => name === event, DEADLINE_MS, from)
    if (told !== null) return told
  } while (qmp.patient)
  throw new FerryError('qemu.ended', `QEMU did not carry out ${command} in time.`, { command })
}
