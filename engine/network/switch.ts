/**
 * A learning Ethernet switch in this process: frames come and go by function call. It learns from source addresses,
 * sends a frame for a known address to that port alone, and floods what is for an unknown or group address.
 *
 * Frames are copied when they enter, and every receiver gets a copy of its own, which it may keep, change or transfer
 * to another thread. A frame sent from within a delivery is queued behind those under way, so that the order holds
 * and the stack stays flat. Where a receiver's function throws, its frame counts as dropped and the others still get
 * theirs; an error of a tap or listener surfaces as an uncaught one, after the frame has been delivered.
 */
import { nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import { isGroupMac, macAt } from './address.ts'
import { ETHERNET_HEADER_BYTES, ETHERNET_MAX_BYTES } from './ethernet.ts'
import { DEFAULT_AGEING_MS, DEFAULT_TABLE_SIZE, MacTable } from './mac-table.ts'

/** Takes a frame out of the network; the bytes are the receiver's own. */
export type Deliver = (frame: Uint8Array<ArrayBuffer>) => void

export interface PortCounters {
  /** Frames and bytes from the port into the switch, without the dropped ones. */
  framesIn: number
  bytesIn: number
  /** Frames and bytes from the switch to the port. */
  framesOut: number
  bytesOut: number
  /** Dropped on the way in: shorter than 14 bytes. */
  droppedShort: number
  /** Dropped on the way in: longer than 1518 bytes. */
  droppedLong: number
  /** Dropped on the way in: a group address as source, which no station may have. */
  droppedSource: number
  /** Dropped on the way in: sent after the port was detached. */
  droppedDetached: number
  /** Dropped on the way out: the receiver's function threw. */
  droppedDelivery: number
  /** Not forwarded, because its destination is at the port it came from. */
  filtered: number
}

export interface Port {
  readonly name: string
  readonly attached: boolean
  readonly counters: Readonly<PortCounters>
  /** Hands a frame to the network. Never throws; what cannot be sent is counted and dropped. */
  send(frame: Uint8Array): void
  /** Leaves the network, which forgets all addresses of this port. Idempotent. */
  detach(): void
}

/** Whatever stations and guests can be plugged into. */
export interface Network {
  /** Throws `network.port-name` where the name is taken. */
  attach(name: string, deliver: Deliver): Port
}

export interface LearnedEvent {
  readonly mac: string
  /** The port before; null where the address was unknown. */
  readonly from: string | null
  readonly to: string
  /** `nowMs()` of the frame that taught it. */
  readonly atMs: number
}

/** Sees every accepted frame once, as it enters. The bytes are its own. */
export type Tap = (frame: Uint8Array<ArrayBuffer>, port: string, atMs: number) => void

export interface SwitchOptions {
  /** Milliseconds after which an address that was not seen is forgotten; 300 s by default. */
  readonly ageingMs?: number
  /** Addresses held at most; the one unseen for longest gives way. */
  readonly tableSize?: number
  /** The clock, for tests. */
  readonly now?: () => number
}

interface PortState {
  readonly port: Port
  readonly counters: PortCounters
  readonly deliver: Deliver
}

/** Traffic does not stop for an observer's mistake, which is thrown where nobody is in the way. */
function observe(call: () => void): void {
  try {
    call()
  } catch (error) {
    setImmediate(() => {
      throw error
    })
  }
}

export class Switch implements Network {
  readonly #now: () => number
  readonly #table: MacTable<PortState>
  readonly #ports = new Map<string, PortState>()
  readonly #taps = new Set<Tap>()
  readonly #listeners = new Set<(event: LearnedEvent) => void>()
  readonly #queue: { readonly frame: Uint8Array<ArrayBuffer>; readonly from: PortState }[] = []
  #draining = false

  constructor(options: SwitchOptions = {}) {
    this.#now = options.now ?? nowMs
    this.#table = new MacTable(options.ageingMs ?? DEFAULT_AGEING_MS, options.tableSize ?? DEFAULT_TABLE_SIZE)
  }

  attach(name: string, deliver: Deliver): Port {
    if (this.#ports.has(name)) {
      throw new FerryError('network.port-name', `The switch has a port “${name}” already.`, { name })
    }
    const counters: PortCounters = {
      framesIn: 0,
      bytesIn: 0,
      framesOut: 0,
      bytesOut: 0,
      droppedShort: 0,
      droppedLong: 0,
      droppedSource: 0,
      droppedDetached: 0,
      droppedDelivery: 0,
      filtered: 0,
    }
    const isAttached = (): boolean => this.#ports.get(name) === state
    const state: PortState = {
      counters,
      deliver,
      port: {
        name,
        counters,
        get attached() {
          return isAttached()
        },
        send: (frame) => this.#accept(state, frame),
        detach: () => {
          if (!isAttached()) return
          this.#ports.delete(name)
          this.#table.forget(state)
        },
      },
    }
    this.#ports.set(name, state)
    return state.port
  }

  /** The ports, in the order in which they were attached. */
  get ports(): readonly Port[] {
    return [...this.#ports.values()].map((state) => state.port)
  }

  /** The name of the port at which an address is known, or null. */
  portOf(mac: string): string | null {
    return this.#table.lookup(mac.toLowerCase(), this.#now())?.port.name ?? null
  }

  /** The known addresses. `sinceMs` and `seenMs` are times of `nowMs()`. */
  table(): readonly {
    readonly mac: string
    readonly port: string
    readonly sinceMs: number
    readonly seenMs: number
  }[] {
    return this.#table.list(this.#now()).map((entry) => ({ ...entry, port: entry.port.port.name }))
  }

  /** Tells of every address that is new or has moved to another port. Returns the function that unsubscribes. */
  on(_event: 'learned', listener: (event: LearnedEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Shows every accepted frame to `tap`, before it is delivered. Returns the function that ends it. */
  tap(tap: Tap): () => void {
    this.#taps.add(tap)
    return () => void this.#taps.delete(tap)
  }

  #accept(from: PortState, frame: Uint8Array): void {
    const counters = from.counters
    if (!from.port.attached) counters.droppedDetached++
    else if (frame.length < ETHERNET_HEADER_BYTES) counters.droppedShort++
    else if (frame.length > ETHERNET_MAX_BYTES) counters.droppedLong++
    else if (isGroupMac(frame, 6)) counters.droppedSource++
    else {
      counters.framesIn++
      counters.bytesIn += frame.length
      // Not `slice`: the frame may be a Node Buffer, whose `slice` is a view, or lie in shared memory.
      this.#queue.push({ frame: new Uint8Array(frame), from })
      if (!this.#draining) this.#drain()
    }
  }

  #drain(): void {
    this.#draining = true
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.#forward(next.frame, next.from)
    }
    this.#draining = false
  }

  #forward(frame: Uint8Array<ArrayBuffer>, from: PortState): void {
    // The port may have left while its frame was queued; its address must not be learned again.
    if (!from.port.attached) {
      from.counters.droppedDetached++
      return
    }
    const atMs = this.#now()
    for (const tap of this.#taps) observe(() => tap(frame.slice(), from.port.name, atMs))
    const mac = macAt(frame, 6)
    const relearned = this.#table.learn(mac, from, atMs)
    if (relearned !== null) {
      const event = { mac, from: relearned.from?.port.name ?? null, to: relearned.to.port.name, atMs }
      for (const listener of this.#listeners) observe(() => listener(event))
    }
    const known = isGroupMac(frame, 0) ? null : this.#table.lookup(macAt(frame, 0), atMs)
    if (known === from) from.counters.filtered++
    else if (known !== null) this.#deliver(known, frame)
    else for (const to of [...this.#ports.values()]) if (to !== from) this.#deliver(to, frame.slice())
  }

  #deliver(to: PortState, frame: Uint8Array<ArrayBuffer>): void {
    // A flood goes to the ports there were when it began; one may leave in the middle of it.
    if (!to.port.attached) return
    // Counted first: the receiver may transfer the buffer, after which its length reads as 0.
    const length = frame.length
    try {
      to.deliver(frame)
      to.counters.framesOut++
      to.counters.bytesOut += length
    } catch {
      to.counters.droppedDelivery++
    }
  }
}
