/** An error as the user meets it: what happened, that the guest is safe, what to do. */
import type { ErrorView } from '../../../engine/contract/lab.ts'
import { LabError } from '../api/api.ts'

export interface Explained {
  readonly title: string
  readonly message: string
  readonly todo: string
  readonly code: string
}

const ADVICE: Readonly<Record<string, string>> = {
  'refused.out-of-memory': 'Destroy or move a guest on the target, or choose a host with more free memory.',
  'refused.peer-not-allowed': 'Choose another destination, or let that host accept this one.',
  'refused.no-common-algorithm': 'Choose an algorithm that both hosts have in their pools.',
  'refused.guest-exists': 'Choose another destination.',
  'refused.ram-limit': 'Create the guest anew with less RAM.',
  'host.out-of-memory': 'Give the guest less RAM, or destroy or move another guest on this host.',
  'image.too-little-memory': 'Give the guest more RAM.',
  'qos.none-fits': 'Or choose an algorithm yourself.',
  'run.unknown': 'It may have ended: look at its result.',
  'lab.input': 'Correct the values that were entered.',
  'link.syntax': 'Correct the values of the link.',
  'link.range': 'Correct the values of the link.',
  'workload.parameter': 'Correct the values of the workload.',
  'recording.not-one': 'Choose another file.',
  'recording.damaged': 'Nothing of it can be shown; ask for another copy.',
  'connection.closed': 'Ferry reconnects by itself; then try again.',
}

/** @param title what was attempted, as a sentence of failure: `The guest could not be paused` */
export function explain(thrown: unknown, title: string): Explained {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return explainReport({ code: codeOf(thrown), message, data: {} }, title)
}

/** Of an error of the lab, or of what reads files here: both name themselves so. */
function codeOf(thrown: unknown): string {
  if (thrown instanceof LabError) return thrown.code
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  return typeof code === 'string' && /^[a-z]+(\.[a-z-]+)+$/.test(code) ? code : 'internal'
}

export function explainReport({ code, message }: ErrorView, title: string): Explained {
  return { title, message, code, todo: ADVICE[code] ?? '' }
}
