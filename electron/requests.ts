/** The one door for what a page asks of the shell: who asks, what, and with which payload, is checked before anything is done. */
import * as v from 'valibot'
import { type Answer, REQUESTS, type RequestInput, type RequestName, type ShellError } from './shell.ts'

/** An error whose message is for the user. */
export class ShellFailure extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** `Sender` is what the handlers learn about who asked. */
export type RequestHandlers<Sender> = {
  readonly [R in RequestName]: (input: RequestInput<R>, sender: Sender) => unknown
}

export interface Asked {
  /** From the main frame of a window of ours that shows our page. */
  readonly fromPage: boolean
  readonly name: unknown
  readonly payload: unknown
}

/** Errors are answers: `shell.sender`, `shell.request`, `shell.input`, or what the handler throws. */
export async function carryOut<Sender>(
  handlers: RequestHandlers<Sender>,
  asked: Asked,
  sender: Sender,
): Promise<Answer<unknown>> {
  try {
    const { name, input } = admit(asked)
    // The schema of this request was just applied; TypeScript cannot follow that through the union of requests.
    const handler = handlers[name] as (input: unknown, sender: Sender) => unknown
    return { result: await handler(input, sender) }
  } catch (error) {
    return { error: shellError(error) }
  }
}

function admit({ fromPage, name, payload }: Asked): { name: RequestName; input: unknown } {
  if (!fromPage) throw new ShellFailure('shell.sender', 'Only the page of Ferry itself may ask this.')
  if (!isRequest(name)) throw new ShellFailure('shell.request', 'The app knows no such request.')
  const parsed = v.safeParse(REQUESTS[name], payload)
  if (parsed.success) return { name, input: parsed.output }
  const where = v.getDotPath(parsed.issues[0]) ?? 'its input'
  throw new ShellFailure('shell.input', `${name}: ${where}: ${parsed.issues[0].message}.`)
}

const isRequest = (name: unknown): name is RequestName => typeof name === 'string' && Object.hasOwn(REQUESTS, name)

function shellError(error: unknown): ShellError {
  const message = error instanceof Error ? error.message : String(error)
  return { code: error instanceof ShellFailure ? error.code : 'internal', message, data: {} }
}
