/**
 * The states of both sides, drawn in PROTOCOL.md. `runs` says who may run the guest while this side is in the state;
 * `lease` means: the holder of the lease, and nobody else.
 */
import { FerryError } from '../util/errors.ts'
import type { Stage } from './protocol/frame.ts'

interface StateFacts {
  readonly stage: Stage
  readonly runs: 'source' | 'target' | 'nobody' | 'lease'
  readonly next: readonly string[]
}

export const SOURCE_STATES = {
  connecting: { stage: 0, runs: 'source', next: ['requesting', 'failed'] },
  requesting: { stage: 0, runs: 'source', next: ['configuring', 'failed'] },
  configuring: { stage: 1, runs: 'source', next: ['copying', 'failed'] },
  copying: { stage: 2, runs: 'source', next: ['stopped', 'failed'] },
  stopped: { stage: 3, runs: 'nobody', next: ['loaded', 'failed'] },
  loaded: { stage: 4, runs: 'nobody', next: ['committed', 'failed'] },
  committed: { stage: 5, runs: 'lease', next: ['released', 'pulling', 'settling'] },
  pulling: { stage: 5, runs: 'target', next: ['released', 'stranded'] },
  stranded: { stage: 5, runs: 'nobody', next: [] },
  settling: { stage: 5, runs: 'lease', next: ['released', 'pulling', 'failed', 'undecided'] },
  released: { stage: 5, runs: 'target', next: [] },
  failed: { stage: 0, runs: 'source', next: [] },
  undecided: { stage: 5, runs: 'lease', next: [] },
} as const satisfies Readonly<Record<string, StateFacts>>
export type SourceState = keyof typeof SOURCE_STATES

export const TARGET_STATES = {
  accepted: { stage: 0, runs: 'source', next: ['agreed', 'discarded'] },
  agreed: { stage: 0, runs: 'source', next: ['reserving', 'discarded'] },
  reserving: { stage: 1, runs: 'source', next: ['receiving', 'discarded'] },
  receiving: { stage: 2, runs: 'source', next: ['loading', 'discarded'] },
  loading: { stage: 3, runs: 'nobody', next: ['ready', 'discarded'] },
  ready: { stage: 4, runs: 'lease', next: ['activating', 'discarded'] },
  activating: { stage: 5, runs: 'lease', next: ['running', 'discarded'] },
  running: { stage: 5, runs: 'target', next: [] },
  discarded: { stage: 0, runs: 'source', next: [] },
} as const satisfies Readonly<Record<string, StateFacts>>
export type TargetState = keyof typeof TARGET_STATES

/** The state of one side. A step that the diagram does not have is a bug, and throws `internal.state`. */
export class StateMachine<S extends string> {
  readonly #table: Readonly<Record<S, StateFacts>>
  #current: S

  constructor(table: Readonly<Record<S, StateFacts>>, initial: S) {
    this.#table = table
    this.#current = initial
  }

  get current(): S {
    return this.#current
  }
  get stage(): Stage {
    return this.#table[this.#current].stage
  }

  go(next: S): void {
    if (!this.#table[this.#current].next.includes(next)) {
      throw new FerryError('internal.state', `There is no step from ${this.#current} to ${next}.`)
    }
    this.#current = next
  }
}
