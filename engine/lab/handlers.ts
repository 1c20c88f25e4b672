/** The form of the functions behind the contract's methods: what they get has been checked. */
import type * as v from 'valibot'
import type { METHODS, MethodName, MethodOutput } from '../contract/lab.ts'

export type Parsed<M extends MethodName> = v.InferOutput<(typeof METHODS)[M]['input']>
export type Handlers<Name extends MethodName = MethodName> = {
  [M in Name]: (input: Parsed<M>) => MethodOutput<M> | Promise<MethodOutput<M>>
}
