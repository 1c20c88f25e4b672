/**
 * Calls and events over anything that carries messages both ways: {id, method, input} there, and {id, result} |
 * {id, error} | {event, payload} back (engine/serve has the other end). Outlives the connection: its listeners stay
 * while whoever owns it connects again.
 */
import type { EventName, LabEvents, MethodInput, MethodName, MethodOutput } from '../../../engine/contract/lab.ts'
import { type ConnectionState, type LabApi, LabError } from './api.ts'

export interface Request {
  readonly id: number
  readonly method: MethodName
  readonly input: unknown
}

interface Pending {
  readonly resolve: (value: never) => void
  readonly reject: (error: LabError) => void
}

export class Channel implements LabApi {
  readonly #pending = new Map<number, Pending>()
  readonly #listeners = new Map<string, Set<(payload: unknown) => void>>()
  readonly #stateListeners = new Set<(state: ConnectionState) => void>()
  /** Calls made while it connects: they leave as soon as it has. */
  #held: Request[] = []
  #send: ((request: Request) => void) | null = null
  #state: ConnectionState = 'connecting'
  #nextId = 1

  get state(): ConnectionState {
    return this.#state
  }

  /** Waits while the connection is made. Rejects with `lab.disconnected` where there is none, or when it ends. */
  call<M extends MethodName>(method: M, input: MethodInput<M>): Promise<MethodOutput<M>> {
    return new Promise<MethodOutput<M>>((resolve, reject) => {
      if (this.#state === 'closed') return reject(notConnected())
      const id = this.#nextId++
      // The lab keeps to the contract; its end checks what it sends and what it gets.
      this.#pending.set(id, { resolve, reject })
      if (this.#send === null) this.#held.push({ id, method, input })
      else this.#send({ id, method, input })
    })
  }

  on<E extends EventName>(event: E, listener: (payload: LabEvents[E]) => void): () => void {
    let set = this.#listeners.get(event)
    if (set === undefined) this.#listeners.set(event, (set = new Set()))
    // A listener of its own for each subscription: the same function may subscribe twice.
    const own = (payload: unknown): void => listener(payload as LabEvents[E])
    set.add(own)
    return () => void set.delete(own)
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    const own = (state: ConnectionState): void => listener(state)
    this.#stateListeners.add(own)
    return () => void this.#stateListeners.delete(own)
  }

  /** A connection is being made. */
  connecting(): void {
    this.#setState('connecting')
  }

  /** There is a connection. */
  opened(send: (request: Request) => void): void {
    this.#send = send
    for (const request of this.#held) send(request)
    this.#held = []
    this.#setState('open')
  }

  /** The connection is gone, or could not be made. */
  closed(): void {
    this.#send = null
    this.#held = []
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const { reject } of pending) reject(disconnected())
    this.#setState('closed')
  }

  /** What came in, as JSON or as a value. False where it is not understood: the connection is of no use then. */
  receive(data: unknown): boolean {
    const message = parse(data)
    if (message === null) return false
    if (typeof message['event'] === 'string') {
      for (const listener of [...(this.#listeners.get(message['event']) ?? [])]) call(listener, message['payload'])
      return true
    }
    const { id, error } = message
    if (typeof id !== 'number') return false
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (error === undefined) pending?.resolve(message['result'] as never)
    else pending?.reject(errorOf(error))
    return true
  }

  #setState(state: ConnectionState): void {
    if (state === this.#state) return
    this.#state = state
    for (const listener of [...this.#stateListeners]) call(listener, state)
  }
}

/** A listener that throws is a fault, which the page reports; the other listeners are called all the same. */
function call<T>(listener: (value: T) => void, value: T): void {
  try {
    listener(value)
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown
    })
  }
}

function parse(data: unknown): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = typeof data === 'string' ? JSON.parse(data) : data
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function errorOf(error: unknown): LabError {
  if (!isRecord(error)) return new LabError('internal', 'The lab told an error that is not understood.')
  const { code, message, data } = error
  return new LabError(
    typeof code === 'string' ? code : 'internal',
    typeof message === 'string' ? message : 'The lab told an error without words.',
    isRecord(data) ? data : {},
  )
}

const disconnected = () =>
  new LabError(
    'lab.disconnected',
    'The connection to the lab ended before it answered, so it may or may not have done this. Its guests are not ' +
      'touched by that. Look at the lab once it is connected again.',
  )

const notConnected = () =>
  new LabError(
    'lab.disconnected',
    'There is no connection to the lab, so nothing was done. Try again when it is connected.',
  )
