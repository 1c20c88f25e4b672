/** The lab as the renderer sees it, whatever carries the calls. */
import type { EventName, LabEvents, MethodInput, MethodName, MethodOutput } from '../../../engine/contract/lab.ts'

export type ConnectionState = 'connecting' | 'open' | 'closed'

export interface LabApi {
  /** Rejects with a LabError. */
  call<M extends MethodName>(method: M, input: MethodInput<M>): Promise<MethodOutput<M>>
  /** Returns the function that unsubscribes. */
  on<E extends EventName>(event: E, listener: (payload: LabEvents[E]) => void): () => void
  readonly state: ConnectionState
  onState(listener: (state: ConnectionState) => void): () => void
}

/** An error of the lab: what happened and what to do, for the user; `code` and `data` for the program. */
export class LabError extends Error {
  override readonly name = 'LabError'
  readonly code: string
  readonly data: Readonly<Record<string, unknown>>
  constructor(code: string, message: string, data: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.code = code
    this.data = data
  }
}
