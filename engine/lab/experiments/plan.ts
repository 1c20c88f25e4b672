/** Reading a plan: from text or plain values to a checked plan, and its digest, by which shards of it know each other. */
import { createHash } from 'node:crypto'
import * as v from 'valibot'
import { type Plan, plan } from '../../contract/experiment-plan.ts'
import { FerryError } from '../../util/errors.ts'

/** A plan is written by hand; more than this is another file. */
export const MOST_PLAN_BYTES = 1_000_000

/** @throws FerryError `plan.json`, `plan.invalid` naming the place */
export function parsePlan(text: string): Plan {
  if (Buffer.byteLength(text) > MOST_PLAN_BYTES) {
    throw new FerryError('plan.json', 'The plan is larger than 1 MB; is it the right file?')
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new FerryError('plan.json', `The plan is not JSON: ${why}.`, {}, cause)
  }
  return checkedPlan(value)
}

/** @throws FerryError `plan.invalid` naming the place */
export function checkedPlan(value: unknown): Plan {
  const result = v.safeParse(plan, value)
  if (result.success) return result.output
  const [issue] = result.issues
  const place = v.getDotPath(issue) ?? 'the file'
  const message = `The plan is not valid at ${place}: ${issue.message}. Nothing was started.`
  throw new FerryError('plan.invalid', message, { place })
}

/** The plan as one text that does not depend on how its file was laid out. */
export function canonical({ description: _, ...rest }: Plan): string {
  return JSON.stringify(sorted(rest))
}

/** SHA-256 of the canonical text, hex. The description is no part of it: better words make no other experiment. */
export function digestOf(checked: Plan): string {
  return createHash('sha256').update(canonical(checked)).digest('hex')
}

/** Keys in order of code units; lists stay as they are. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, held]) => [key, sorted(held)]))
}
