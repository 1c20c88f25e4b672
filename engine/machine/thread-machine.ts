/** A machine on a worker thread, from the outside: calls become messages, answers become promises. */
import type { Worker } from 'node:worker_threads'
import { Emitter } from '../util/emitter.ts'
import { FerryError } from '../util/errors.ts'
import { BLOCK, type BlockId, type BlockInfo } from '../vmstate/blocks.ts'
import type { MachineState } from '../vmstate/state.ts'
import { dirtyAmong } from './dirty-among.ts'
import type { Doorbell } from './doorbell.ts'
import type {
  DirectBoot,
  Machine,
  MachineConfig,
  MachineEvents,
  PageBatch,
  PageRange,
  PageSet,
  StopOptions,
} from './machine.ts'
import { blocksOf } from './memory-layout.ts'
import type { CallName, Calls, Clock, Reply, Request } from './messages.ts'
import type { SharedRam } from './shared-ram.ts'

interface Pending {
  resolve(value: unknown): void
  reject(error: FerryError): void
}

export class ThreadMachine implements Machine {
  readonly config: MachineConfig
  readonly blocks: readonly BlockInfo[]
  readonly #worker: Worker
  readonly #doorbell: Doorbell
  readonly #pending = new Map<number, Pending>()
  readonly #events = new Emitter<MachineEvents>()
  #nextId = 1
  /** RAM as this thread sees it, too, as long as there is a machine. */
  #ram: SharedRam | null
  /** Calls under way that change RAM, or let the guest do so. */
  #changing = 0
  /** The guest does not run: nobody but this thread changes RAM, unless such a call is under way. */
  #still = true
  /** Orders to go on. */
  #resumed = 0
  /** The dirty log is on: whatever the guest changes while it is read here is found there. */
  #logged = false
  /** Orders to start and to stop it. */
  #logOrders = 0
  #ended: FerryError | null = null
  #closing: Promise<void> | null = null

  /**
   * @param config the thread's machine has all of it but the address, which it gets now
   * @param ram of the thread's machine
   */
  constructor(config: MachineConfig, worker: Worker, doorbell: Doorbell, ram: SharedRam) {
    this.config = config
    this.#ram = ram
    this.blocks = blocksOf(config)
    this.#worker = worker
    this.#doorbell = doorbell
    worker.on('message', (reply: Reply) => this.#receive(reply))
    worker.on('error', (cause) => this.#end(crashed(cause)))
    worker.on('exit', () => this.#end(this.#closing === null ? crashed() : null))
    // That its thread has ended is told by `exit`.
    this.#call('identify', config.mac).catch(() => undefined)
  }

  on<E extends keyof MachineEvents>(event: E, listener: (told: MachineEvents[E]) => void): () => void {
    return this.#events.on(event, listener)
  }

  boot(plan: DirectBoot) {
    return this.#call('boot', plan)
  }
  resume() {
    this.#still = false
    this.#resumed++
    return this.#call('resume', undefined)
  }
  pause() {
    return this.#standing(this.#call('pause', undefined))
  }
  serialWrite(bytes: Uint8Array) {
    return this.#call('serialWrite', bytes)
  }
  frameReceive(frame: Uint8Array): void {
    this.#post({ kind: 'frame', frame })
  }
  keyWrite(scanCodes: Uint8Array): void {
    this.#post({ kind: 'keys', scanCodes })
  }
  screen() {
    return this.#call('screen', undefined)
  }
  readPages(set: PageSet, place?: Uint8Array<ArrayBuffer>) {
    const ram = this.#ramFor(set.block, this.#still || this.#logged)
    return ram === null ? this.#call('readPages', set) : this.#here(() => ram.read(set, place))
  }
  writePages(batch: PageBatch) {
    // Nor does it come before what was asked for about RAM as it is now.
    const ram = this.#ramFor(batch.block, this.#still && this.#pending.size === 0)
    if (ram !== null) return this.#here(() => ram.write(batch))
    return this.#call('writePages', batch, buffersOf([batch]))
  }
  guardStart() {
    return this.#call('guardStart', undefined)
  }
  async takePages(set: PageSet, place?: Uint8Array<ArrayBuffer>) {
    await this.#call('takePages', set)
    if (this.#ram === null) throw this.#ended ?? closed()
    return this.#ram.read(set, place)
  }
  guardStop() {
    return this.#call('guardStop', undefined)
  }
  async dirtyLogStart() {
    const order = ++this.#logOrders
    await this.#call('dirtyLogStart', undefined)
    if (order === this.#logOrders) this.#logged = true
  }
  dirtyLogFetch(clear: boolean) {
    return this.#call('dirtyLogFetch', { clear })
  }
  dirtyAmong(set: PageSet) {
    const ram = this.#ramFor(set.block, this.#logged)
    return ram === null ? dirtyAmong(this, set) : this.#here(() => ram.dirtyAmong(set))
  }
  dirtyLogStop() {
    this.#logOrders++
    this.#logged = false
    return this.#call('dirtyLogStop', undefined)
  }
  useWatch() {
    return this.#call('useWatch', undefined)
  }
  capture() {
    return this.#call('capture', undefined)
  }
  restore(state: MachineState, clock: Clock) {
    return this.#call('restore', { state, clock })
  }
  stop(options: StopOptions) {
    return this.#standing(this.#call('stop', { ...options }))
  }
  load(batches: readonly PageBatch[], state: MachineState, clock: Clock, missing?: Uint8Array<ArrayBuffer>) {
    const argument = { batches, state, clock, ...(missing === undefined ? {} : { missing }) }
    return this.#call('load', argument, buffersOf(batches))
  }
  async rehearse(state: MachineState, clock: Clock, missing?: Uint8Array<ArrayBuffer>) {
    await this.load([], state, clock, missing)
  }
  supply(batch: PageBatch) {
    const ram = this.#ram
    if (ram === null || batch.block !== BLOCK.ram) return this.#here(() => 0)
    return this.#here(() => {
      const left = ram.supply(batch)
      this.#doorbell.ring()
      if (left === 0) this.#post({ kind: 'complete' })
      return left
    })
  }
  faults() {
    return this.#call('faults', undefined)
  }
  digests(block: BlockId) {
    return this.#call('digests', block)
  }
  zeroPages(range: PageRange) {
    return this.#call('zeroPages', range)
  }
  freePages() {
    return this.#call('freePages', undefined)
  }
  unwrittenPages() {
    const ram = this.#ramFor(BLOCK.ram, this.#still || this.#logged)
    if (ram !== null) return this.#here(() => ram.unwritten())
    return this.#call('unwrittenPages', undefined)
  }
  instructions() {
    return this.#call('instructions', undefined)
  }
  halted() {
    return this.#call('halted', undefined)
  }
  throttle(share: number) {
    return this.#call('throttle', share)
  }

  async cpuTimeMs(): Promise<number> {
    if (this.#ended !== null) throw this.#ended
    // Node has it since 24.6; the one inside an Electron may be older.
    if (!('cpuUsage' in this.#worker)) return 0
    const { user, system } = await this.#worker.cpuUsage()
    return (user + system) / 1000
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      if (this.#ended !== null) return
      this.#post({ kind: 'close' })
      await this.#worker.terminate()
    })()
    return this.#closing
  }

  #call<N extends CallName>(name: N, argument: Calls[N][0], transfer: ArrayBuffer[] = []): Promise<Calls[N][1]> {
    const asked = this.#ask<Calls[N][1]>((id) => this.#post({ kind: 'call', id, name, argument } as Request, transfer))
    return CHANGING.has(name) ? this.#change(asked) : asked
  }

  async #change<T>(asked: Promise<T>): Promise<T> {
    this.#changing++
    try {
      return await asked
    } finally {
      this.#changing--
    }
  }

  /** The guest stands when this is answered, unless it was told to go on since. */
  async #standing<T>(asked: Promise<T>): Promise<T> {
    const resumed = this.#resumed
    const answer = await asked
    if (resumed === this.#resumed) this.#still = true
    return answer
  }

  /** RAM, where this thread may work on it now: nothing that was ordered before is to come first. */
  #ramFor(block: BlockId, allowed: boolean): SharedRam | null {
    return block === BLOCK.ram && allowed && this.#changing === 0 ? this.#ram : null
  }

  /** Carried out on this thread. */
  #here<T>(action: () => T): Promise<T> {
    if (this.#ended !== null || this.#closing !== null) return Promise.reject(this.#ended ?? closed())
    return Promise.try(action)
  }

  /** The thread answers a question with the result type of that question. */
  #ask<T>(send: (id: number) => void): Promise<T> {
    if (this.#ended !== null || this.#closing !== null) return Promise.reject(this.#ended ?? closed())
    const id = this.#nextId++
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      send(id)
    })
  }

  #post(request: Request, transfer: ArrayBuffer[] = []): void {
    if (this.#ended !== null) return
    this.#worker.postMessage(request, transfer)
    this.#doorbell.ring()
  }

  #receive(reply: Reply): void {
    switch (reply.kind) {
      case 'result':
        this.#settle(reply.id)?.resolve(reply.value)
        break
      case 'error':
        this.#settle(reply.id)?.reject(FerryError.revive(reply.error))
        break
      case 'serial':
        this.#events.emit('serial', reply.bytes)
        break
      case 'frame':
        this.#events.emit('frame', reply.frame)
        break
      case 'fault':
        this.#events.emit('fault', reply.page)
        break
      case 'guarded':
        this.#events.emit('guarded', reply.page)
        break
      case 'ready':
        break
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    return pending
  }

  #end(error: FerryError | null): void {
    if (this.#ended !== null) return
    this.#ended = error ?? closed()
    this.#ram = null
    for (const pending of this.#pending.values()) pending.reject(this.#ended)
    this.#pending.clear()
    this.#events.emit('exit', error)
  }
}

/** Calls that change RAM, or let the guest do so. */
const CHANGING: ReadonlySet<CallName> = new Set(['identify', 'boot', 'resume', 'writePages', 'restore', 'load'])

const buffersOf = (batches: readonly PageBatch[]): ArrayBuffer[] =>
  batches.flatMap(({ pages, zeroPages, data }) => [pages.buffer, zeroPages.buffer, data.buffer])

const closed = () => new FerryError('machine.closed', 'The machine has been shut down.')
export const crashed = (cause?: unknown) =>
  new FerryError(
    'machine.crashed',
    `The thread of the machine ended unexpectedly${cause instanceof Error ? `: ${cause.message}` : ''}.`,
    {},
    cause,
  )
