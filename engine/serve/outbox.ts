/**
 * What a client is still to be sent. Answers and events leave in the order in which they came about, as fast as the
 * carrier takes them. While a client is slow, events that a newer one makes superfluous are dropped and console output
 * is joined; what waits is bounded, and beyond that the client is let go: it connects again and asks how things are.
 */
import type { EventName, LabEvents } from '../contract/lab.ts'
import type { Answer } from '../lab/requests.ts'

/** What carries messages to one client: a socket, a port. */
export interface Carrier {
  send(text: string): void
  /** Bytes handed to `send` that have not left yet. */
  unsent_B(): number
  /** `code` and `reason` as a WebSocket has them; the reason has at most 123 bytes. */
  close(code: number, reason: string): void
}

export const CLOSE = { ended: 1001, unsupported: 1003, request: 1008, slow: 4008 } as const

/** So much is handed to the carrier at a time; the rest waits here, where it can be coalesced. */
const CARRIER_BYTES = 256 << 10
const MAX_EVENT_BYTES = 4 << 20
/** Answers that were not read; one that is longer passes where nothing else waits. */
const MAX_ANSWER_BYTES = 64 << 20

/** Of which thing an event tells the whole state: a newer one of the same thing replaces it. Null = all are told. */
const STATE_OF: { readonly [E in EventName]: ((payload: LabEvents[E]) => string) | null } = {
  'hosts.changed': ({ name }) => name,
  'guests.changed': ({ id }) => id,
  'guests.removed': null,
  'guests.output': null,
  'migrations.progress': null,
  'migrations.messages': null,
  'migrations.probes': null,
  'runs.added': null,
  'migrations.targets': ({ run_id }) => run_id,
  'runs.noted': ({ run_id }) => run_id,
  'runs.merged': null,
  'experiments.changed': ({ experiment_id }) => experiment_id,
  'experiments.removed': null,
  'recordings.changed': () => '',
  'guide.progress': ({ student, exercise }) => `${student}/${exercise}`,
}
/** All events there are. */
export const EVENT_NAMES = Object.keys(STATE_OF) as EventName[]

interface Message {
  readonly is: 'answer' | 'event'
  readonly text: string
}
interface Output {
  readonly is: 'output'
  readonly guest: string
  readonly data: string[]
}
type Entry = Message | Output

export class Outbox {
  readonly #carrier: Carrier
  /** In the order of sending. */
  readonly #waiting = new Set<Entry>()
  /** Of `#waiting`: the newest event about a thing. */
  readonly #newest = new Map<string, Entry>()
  /** Of `#waiting`: output, by guest, that nothing but output follows. */
  readonly #lastOutput = new Map<string, Output>()
  #eventBytes = 0
  #answerBytes = 0
  #closed = false

  constructor(carrier: Carrier) {
    this.#carrier = carrier
  }

  answer(answer: Answer): void {
    if (this.#closed) return
    const unread = this.#answerBytes + this.#carrier.unsent_B()
    const text = JSON.stringify(answer)
    if (unread > 0 && unread + text.length > MAX_ANSWER_BYTES) return this.#letGo()
    this.#answerBytes += text.length
    this.#push({ is: 'answer', text })
  }

  event<E extends EventName>(event: E, payload: LabEvents[E]): void {
    if (this.#closed) return
    if (event === 'guests.output') return this.#output(payload as LabEvents['guests.output'])
    const entry: Entry = { is: 'event', text: JSON.stringify({ event, payload }) }
    const thing = STATE_OF[event]?.(payload)
    if (thing !== undefined) {
      const key = `${event} ${thing}`
      const older = this.#newest.get(key)
      if (older !== undefined) this.#remove(older)
      this.#newest.set(key, entry)
    }
    this.#eventBytes += entry.text.length
    this.#push(entry)
  }

  /** Hands over what the carrier takes. To be called when some of what it had has left. */
  flush(): void {
    for (const entry of this.#waiting) {
      if (this.#closed || this.#carrier.unsent_B() >= CARRIER_BYTES) return
      this.#remove(entry)
      this.#carrier.send(textOf(entry))
    }
    this.#newest.clear()
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#closed = true
    this.#waiting.clear()
    this.#newest.clear()
    this.#lastOutput.clear()
  }

  #output({ guest, data }: LabEvents['guests.output']): void {
    const last = this.#lastOutput.get(guest)
    this.#eventBytes += data.length
    if (last === undefined) return this.#push({ is: 'output', guest, data: [data] })
    last.data.push(data)
    this.#bound()
  }

  #push(entry: Entry): void {
    if (entry.is === 'output') this.#lastOutput.set(entry.guest, entry)
    else this.#lastOutput.clear()
    this.#waiting.add(entry)
    this.flush()
    this.#bound()
  }

  #remove(entry: Entry): void {
    if (!this.#waiting.delete(entry)) return
    if (entry.is === 'output') {
      for (const data of entry.data) this.#eventBytes -= data.length
      if (this.#lastOutput.get(entry.guest) === entry) this.#lastOutput.delete(entry.guest)
    } else if (entry.is === 'answer') this.#answerBytes -= entry.text.length
    else this.#eventBytes -= entry.text.length
  }

  #bound(): void {
    if (!this.#closed && this.#eventBytes > MAX_EVENT_BYTES) this.#letGo()
  }

  #letGo(): void {
    this.close()
    this.#carrier.close(CLOSE.slow, 'This client reads too slowly. Connect again and ask how things are.')
  }
}

const textOf = (entry: Entry): string =>
  entry.is === 'output'
    ? JSON.stringify({ event: 'guests.output', payload: { guest: entry.guest, data: entry.data.join('') } })
    : entry.text
