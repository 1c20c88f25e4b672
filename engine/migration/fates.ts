/** What became of a guest whose migration did not end as it should after the lease was handed over: errors for people. */
import { FerryError } from '../util/errors.ts'

/** The guest crossed, though the target was not heard any more. */
export function lostAfterCommit(cause: FerryError, target: string): FerryError {
  const message = `${cause.message} The lease says that the guest runs on ${target}.`
  return new FerryError('connection.lost-after-commit', message, { cause: cause.code })
}

/** Nobody is known to run the guest, and only the target may. */
export function undecided(cause: FerryError, target: string): FerryError {
  const message = `${cause.message} ${target} holds the lease and has not said that it runs the guest; it is kept paused here.`
  return new FerryError('migration.undecided', message, { cause: cause.code, guest: 'undecided' })
}

/** The guest ran on the target, and what it lacks there cannot get there any more. */
export function stranded(cause: FerryError): FerryError {
  const message = `${cause.message} The guest is lost: it had switched over, and its memory was on both hosts.`
  return new FerryError(cause.code, message, { ...cause.data, guest: 'lost' }, cause)
}
