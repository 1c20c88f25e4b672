/** A lab as its recordings see it. */
import type { Lab } from '../lab.ts'
import type { Runs } from '../runs.ts'
import type { Recorded } from './recordings.ts'

/** @param call the contract's methods, as a front end has them */
export function recordedLab(lab: Lab, runs: Runs, call: Recorded['call']): Recorded {
  return {
    call,
    on: (event, listener) => lab.events.on(event, listener),
    tell: (status) => lab.events.emit('recordings.changed', status),
    guests: () => [...lab.guests.values()].map((guest) => guest.view),
    crossings: () =>
      runs.all.map(({ id: run_id, guest, to, stage, toldStage }) => ({
        run_id,
        guest: guest.identity.id,
        // A stage is told before its first message is sent.
        stage: Math.max(stage, toldStage),
        arrived: guest.residence.host === to,
      })),
  }
}
