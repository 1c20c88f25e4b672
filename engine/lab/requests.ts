/**
 * The requests of one connection to a lab, whatever carries it: `{"id", "method", "input"}`, each answered with
 * `{"id", "result"}` or `{"id", "error": {"code", "message", "data"}}`, in the order in which the answers are ready.
 */
import * as v from 'valibot'
import type { MethodInput, MethodName } from '../contract/lab.ts'
import { type ErrorReport, FerryError } from '../util/errors.ts'
import type { LabService } from './service.ts'

/** Of a request. The largest input, text for a console, is 64 KiB before it is quoted. */
export const MAX_REQUEST_BYTES = 1 << 20
/** Requests of one connection that are being carried out. */
const MAX_PENDING = 64

const request = v.object({
  id: v.pipe(v.number(), v.integer(), v.minValue(0)),
  method: v.pipe(v.string(), v.maxLength(64)),
  input: v.optional(v.unknown(), {}),
})

/** `result` is absent where a method has none. */
export type Answer =
  { readonly id: number; readonly result: unknown } | { readonly id: number | null; readonly error: ErrorReport }

/** Looks at a request before the lab does; throws what it does not allow. */
export type Guard = (method: string, input: unknown) => void

export class Requests {
  readonly #service: LabService
  readonly #answer: (answer: Answer) => void
  readonly #guard: Guard | undefined
  #pending = 0
  #onIdle: (() => void) | null = null

  constructor(service: LabService, answer: (answer: Answer) => void, guard?: Guard) {
    this.#service = service
    this.#answer = answer
    this.#guard = guard
  }

  /**
   * Carries a request out; its errors are answers.
   * @param message as JSON, or as a value where the carrier has values
   * @throws FerryError `control.request`: this is no request; end the connection
   */
  take(message: unknown): void {
    const parsed = v.safeParse(request, typeof message === 'string' ? parseJson(message) : message)
    if (!parsed.success) {
      const what = v.getDotPath(parsed.issues[0]) ?? 'its form'
      throw new FerryError('control.request', `This is no request to a lab: ${what} is wrong.`)
    }
    const { id, method, input } = parsed.output
    if (this.#pending >= MAX_PENDING) {
      const message = `More than ${MAX_PENDING} requests are under way. Wait for answers.`
      this.#answer({ id, error: new FerryError('control.busy', message).toJSON() })
      return
    }
    this.#pending++
    this.#carryOut(method, input)
      .then((result) => this.#answer({ id, result }))
      .catch((thrown: unknown) => this.#answer({ id, error: FerryError.from(thrown).toJSON() }))
      .finally(() => {
        this.#pending--
        if (this.#pending === 0) this.#onIdle?.()
      })
  }

  /** Calls `then` as soon as all that was taken is answered. Take nothing more. */
  whenAnswered(then: () => void): void {
    if (this.#pending === 0) then()
    else this.#onIdle = then
  }

  async #carryOut(method: string, input: unknown): Promise<unknown> {
    this.#guard?.(method, input)
    // `call` checks that there is such a method, and the input against its schema.
    return this.#service.call(method as MethodName, input as MethodInput<MethodName>)
  }
}

/** More bytes than a request may have. */
export const requestTooLong = () =>
  new FerryError('control.request', `A request has at most ${MAX_REQUEST_BYTES} bytes.`)

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
