/** A machine on a worker thread, from the outside: calls become messages, answers become promises. */
import { MessageChannel, Worker } from 'node:worker_threads'
import { FerryError } from '../util/errors.ts'
import { nowMs } from '../util/clock.ts'
import type { BlockId, BlockInfo } from '../vmstate/blocks.ts'
import type { MachineState } from '../vmstate/state.ts'
import { Doorbell } from './doorbell.ts'
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
import { blocksOf } from './memory-blocks.ts'
import type { CallName, Calls, Clock, Reply, Request, Supply, SupplyPorts, ThreadData } from './messages.ts'
import { patchedModule } from './v86/package.ts'

const MIB = 1024 * 1024
/** Long enough for a loaded machine to compile and start; a thread that takes longer is stuck. */
const START_DEADLINE_MS = 30_000
/** All machines of the process count guest time from here, so that a state's times mean the same in each. */
const CLOCK_BASE = nowMs()

interface Pending {
  resolve(value: unknown): void
  reject(error: FerryError): void
}

class ThreadMachine implements Machine {
  readonly config: MachineConfig
  readonly blocks: readonly BlockInfo[]
  readonly #worker: Worker
  readonly #doorbell: Doorbell
  readonly #supplies: SupplyPorts
  readonly #pending = new Map<number, Pending>()
  readonly #listeners: { [E in keyof MachineEvents]: Set<MachineEvents[E]> } = {
    serial: new Set(),
    frame: new Set(),
    fault: new Set(),
    guarded: new Set(),
    exit: new Set(),
  }
  #nextId = 1
  #ended: FerryError | null = null
  #closing: Promise<void> | null = null

  constructor(config: MachineConfig, worker: Worker, doorbell: Doorbell, supplies: SupplyPorts) {
    this.config = config
    this.blocks = blocksOf(config)
    this.#worker = worker
    this.#doorbell = doorbell
    this.#supplies = supplies
    worker.on('message', (reply: Reply) => this.#receive(reply))
    worker.on('error', (cause) => this.#end(crashed(cause)))
    worker.on('exit', () => this.#end(this.#closing === null ? crashed() : null))
  }

  on<E extends keyof MachineEvents>(event: E, listener: MachineEvents[E]): () => void {
    this.#listeners[event].add(listener)
    return () => this.#listeners[event].delete(listener)
  }

  boot(plan: DirectBoot) {
    return this.#call('boot', plan)
  }
  resume() {
    return this.#call('resume', undefined)
  }
  pause() {
    return this.#call('pause', undefined)
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
  readPages(set: PageSet) {
    return this.#call('readPages', set)
  }
  writePages(batch: PageBatch) {
    return this.#call('writePages', batch, buffersOf([batch]))
  }
  guardStart() {
    return this.#call('guardStart', undefined)
  }
  takePages(set: PageSet) {
    return this.#call('takePages', set)
  }
  guardStop() {
    return this.#call('guardStop', undefined)
  }
  dirtyLogStart() {
    return this.#call('dirtyLogStart', undefined)
  }
  dirtyLogFetch(clear: boolean) {
    return this.#call('dirtyLogFetch', { clear })
  }
  dirtyLogStop() {
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
    return this.#call('stop', { ...options })
  }
  load(batches: readonly PageBatch[], state: MachineState, clock: Clock, missing?: Uint8Array<ArrayBuffer>) {
    const argument = { batches, state, clock, ...(missing === undefined ? {} : { missing }) }
    return this.#call('load', argument, buffersOf(batches))
  }
  supply(batch: PageBatch, urgent = false) {
    return this.#ask<number>((id) => {
      const supply: Supply = { id, batch }
      const port = urgent ? this.#supplies.urgent : this.#supplies.others
      port.postMessage(supply, buffersOf([batch]))
      this.#doorbell.ring()
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
    return this.#call('unwrittenPages', undefined)
  }
  instructions() {
    return this.#call('instructions', undefined)
  }
  throttle(share: number) {
    return this.#call('throttle', share)
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
    return this.#ask((id) => this.#post({ kind: 'call', id, name, argument } as Request, transfer))
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
        for (const listener of this.#listeners.serial) listener(reply.bytes)
        break
      case 'frame':
        for (const listener of this.#listeners.frame) listener(reply.frame)
        break
      case 'fault':
        for (const listener of this.#listeners.fault) listener(reply.page)
        break
      case 'guarded':
        for (const listener of this.#listeners.guarded) listener(reply.page)
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
    this.#supplies.urgent.close()
    this.#supplies.others.close()
    for (const pending of this.#pending.values()) pending.reject(this.#ended)
    this.#pending.clear()
    for (const listener of this.#listeners.exit) listener(error)
  }
}

const buffersOf = (batches: readonly PageBatch[]): ArrayBuffer[] =>
  batches.flatMap(({ pages, zeroPages, data }) => [pages.buffer, zeroPages.buffer, data.buffer])

const closed = () => new FerryError('machine.closed', 'The machine has been shut down.')
const crashed = (cause?: unknown) =>
  new FerryError(
    'machine.crashed',
    `The thread of the machine ended unexpectedly${cause instanceof Error ? `: ${cause.message}` : ''}.`,
    {},
    cause,
  )

function checkConfig({ ramBytes, vgaBytes, mac, disk }: MachineConfig): void {
  const refuse = (message: string) => {
    throw new FerryError('machine.config', message)
  }
  if (ramBytes % MIB !== 0 || ramBytes < 8 * MIB || ramBytes > 1024 * MIB) refuse('RAM must be 8 to 1024 MiB.')
  if (
    !Number.isInteger(vgaBytes) ||
    (vgaBytes & (vgaBytes - 1)) !== 0 ||
    vgaBytes < 256 * 1024 ||
    vgaBytes > 256 * MIB
  ) {
    refuse('Video memory must be a power of two from 256 KiB.')
  }
  if (!/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/i.test(mac)) refuse(`${mac} is not a locally administered MAC address.`)
  if (disk !== null && (disk.byteLength === 0 || disk.byteLength % 512 !== 0)) refuse('The disk must be whole sectors.')
}

/**
 * Starts a machine on a thread of its own: powered on, paused, with nothing to run yet.
 * @throws FerryError `machine.config`, `machine.v86-*`, `machine.start`
 */
export async function createMachine(config: MachineConfig): Promise<Machine> {
  checkConfig(config)
  const doorbell = new Doorbell()
  const [urgent, others] = [new MessageChannel(), new MessageChannel()]
  const theirs = { urgent: urgent.port2, others: others.port2 }
  const module = await patchedModule()
  const data: ThreadData = { config, module, doorbell: doorbell.buffer, supplies: theirs, clockBase: CLOCK_BASE }
  const worker = new Worker(new URL('./vcpu-thread.ts', import.meta.url), {
    workerData: data,
    transferList: [theirs.urgent, theirs.others],
  })
  await new Promise<void>((resolve, reject) => {
    const fail = (cause?: unknown) => {
      clearTimeout(deadline)
      void worker.terminate()
      reject(new FerryError('machine.start', 'The thread of the machine did not start.', {}, cause))
    }
    const deadline = setTimeout(fail, START_DEADLINE_MS)
    worker.once('error', fail)
    worker.once('exit', fail)
    worker.once('message', () => {
      clearTimeout(deadline)
      worker.off('error', fail)
      worker.off('exit', fail)
      resolve()
    })
  })
  return new ThreadMachine(config, worker, doorbell, { urgent: urgent.port1, others: others.port1 })
}
