/** What calls of the contract say about what the user does: the guide's checks ask for some of it. */
import * as v from 'valibot'
import type { Deed } from '../../guide/evaluate.ts'

const INSPECTIONS: Readonly<Record<string, Extract<Deed, { what: 'inspected' }>['view']>> = {
  'guests.state': 'state',
  'guests.memory': 'memory',
  'guests.pages': 'memory',
  'runs.message': 'protocol',
  'guests.write': 'console',
  'guests.dirtyRate': 'dirty-rate',
  'migrations.predict': 'prediction',
  'migrations.check': 'compatibility',
}
const commandInput = v.object({ host: v.string(), line: v.string() })
const commandOutput = v.object({ status: v.number() })

/** Null: nothing that a check could ask for. */
export function actOf(method: string, input: unknown, output: unknown): Deed | null {
  if (Object.hasOwn(INSPECTIONS, method)) return { what: 'inspected', view: INSPECTIONS[method] }
  if (method !== 'toolstack.run') return null
  const command = v.safeParse(commandInput, input)
  const result = v.safeParse(commandOutput, output)
  if (!command.success || !result.success) return null
  return { what: 'command', ...command.output, status: result.output.status }
}
