/** A migration that a toolstack's command starts, and waits for: a run like any other. */
import type { MigrateInput } from '../../contract/lab.ts'
import type { RunReport } from '../../contract/report.ts'
import { FerryError } from '../../util/errors.ts'
import type { Host } from '../host.ts'
import type { Session } from './session.ts'

/** Why a host is not reached at a port; null: it is. */
export function reached(target: Host, port: number): string | null {
  try {
    target.checkPort(port)
    return null
  } catch (thrown) {
    return FerryError.from(thrown).message
  }
}

export interface Migrated {
  /** Null: the guest is on the target. */
  readonly error: string | null
  /** What was measured, or where the guest is, in a sentence. */
  readonly summary: string
  readonly report: RunReport
}

/** @throws FerryError `guest.*`, `host.*`, `algorithm.*` for what can be seen beforehand */
export async function migrateAndWait(session: Session, input: MigrateInput): Promise<Migrated> {
  const { runs, waiting } = session
  const run = runs.start(input)
  waiting.add(run)
  try {
    const report = await run.finished
    return {
      report,
      error: errorOf(report),
      summary: summaryOf(report, run.guest.identity.name, run.guest.residence.host),
    }
  } finally {
    waiting.delete(run)
  }
}

function errorOf({ outcome, error, to }: RunReport): string | null {
  if (outcome === 'completed') return null
  if (outcome === 'cancelled') return 'the migration was cancelled'
  if (error === null) return 'the migration failed'
  // What a target answers before it takes anything is the protocol's REQ_FAIL or CFG_FAIL.
  return error.code.startsWith('refused.') ? `${to} answered REQ_FAIL: ${error.message}` : error.message
}

function summaryOf({ outcome, downtime_ms, total_ms, algorithm }: RunReport, guest: string, host: string): string {
  if (outcome !== 'completed' || downtime_ms === null) return `${guest} is on ${host}, as before.`
  return `${guest} runs on ${host}: ${algorithm}, downtime ${downtime_ms.toFixed(1)} ms, in all ${total_ms.toFixed(0)} ms.`
}
