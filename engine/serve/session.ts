/** One page's connection to the lab: its requests are answered, and it is told every event. */
import { PATHS } from '../contract/effects.ts'
import type { EventName, MethodName } from '../contract/lab.ts'
import { Requests } from '../lab/requests.ts'
import type { LabService } from '../lab/service.ts'
import { FerryError } from '../util/errors.ts'
import { type Carrier, CLOSE, EVENT_NAMES, Outbox } from './outbox.ts'

export class Session {
  readonly #carrier: Carrier
  readonly #outbox: Outbox
  readonly #requests: Requests
  readonly #unsubscribe: (() => void)[]
  #open = true

  constructor(service: LabService, carrier: Carrier) {
    this.#carrier = carrier
    this.#outbox = new Outbox(carrier)
    this.#requests = new Requests(service, (answer) => this.#outbox.answer(answer), refuseFiles)
    const listen = <E extends EventName>(event: E) => service.on(event, (payload) => this.#outbox.event(event, payload))
    this.#unsubscribe = EVENT_NAMES.map((event) => listen(event))
  }

  /** A request, as JSON or as a value. What is none closes the carrier. */
  receive(message: unknown): void {
    if (!this.#open) return
    try {
      this.#requests.take(message)
    } catch (thrown) {
      const error = FerryError.from(thrown)
      this.#outbox.answer({ id: null, error: error.toJSON() })
      this.#open = false
      this.#carrier.close(CLOSE.request, error.message)
    }
  }

  /** Some of what the carrier had has left. */
  drained(): void {
    this.#outbox.flush()
  }

  /** The lab ends: answers what was asked, then closes the carrier. */
  finish(): void {
    this.#open = false
    this.#requests.whenAnswered(() => this.#carrier.close(CLOSE.ended, 'The lab has ended.'))
  }

  /** The carrier is gone. */
  end(): void {
    this.#open = false
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    this.#outbox.close()
  }
}

/** A page names no files of this computer; only the command line does. */
function refuseFiles(method: string, input: unknown): void {
  if (typeof input !== 'object' || input === null) return
  for (const field of Object.hasOwn(PATHS, method) ? (PATHS[method as MethodName] ?? []) : []) {
    if (!(field in input)) continue
    const message = `${method}: ${field}: a page cannot name files of this computer; the \`ferry\` command can.`
    throw new FerryError('lab.input', message, { method, field })
  }
}
