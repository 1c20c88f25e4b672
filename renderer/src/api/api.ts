/** The lab as the renderer sees it, whatever carries the calls. */
import type { EventName, LabEvents, MethodInput, MethodName, MethodOutput } from '../../../engine/contract/lab.ts'

export type ConnectionState = 'connecting' | 'open' | 'closed'

/** What only a recording has. Who has it acts on nothing: all that would change the lab is refused. */
export interface Recorded {
  /** The last answer until now that is `wanted`, and when it was given; null: none is recorded. */
  last<M extends MethodName>(
    method: M,
    input: MethodInput<M>,
    wanted: (result: MethodOutput<M>) => boolean,
  ): { readonly result: MethodOutput<M>; readonly at: Date } | null
  /**
   * Told when a method answers something else without any event: a sample has passed, or another time was gone to.
   * Returns the function that unsubscribes.
   */
  onNews(method: MethodName, listener: () => void): () => void
}

export interface LabApi {
  /** Rejects with a LabError. */
  call<M extends MethodName>(method: M, input: MethodInput<M>): Promise<MethodOutput<M>>
  /** Returns the function that unsubscribes. */
  on<E extends EventName>(event: E, listener: (payload: LabEvents[E]) => void): () => void
  readonly state: ConnectionState
  onState(listener: (state: ConnectionState) => void): () => void
  /** There where the lab is a recording. */
  readonly recorded?: Recorded
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
