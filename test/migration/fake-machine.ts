/**
 * A machine without an emulator: RAM in a Uint8Array, a seeded dirtier in place of a guest, calls carried out in order
 * with a thread's hop before each. Every call can be made to throw, hang, or kill the thread.
 */
import { crc32 } from 'node:zlib'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { nowMs } from '../../engine/util/clock.ts'
import { dirtyAmong } from '../../engine/machine/dirty-among.ts'
import { allPages } from '../../engine/migration/page-sender.ts'
import { Bitmap } from '../../engine/util/bitmap.ts'
import { Emitter } from '../../engine/util/emitter.ts'
import { FerryError } from '../../engine/util/errors.ts'
import { BLOCK, type BlockId, type BlockInfo, PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import type {
  FaultRecord,
  LoadReport,
  Machine,
  MachineConfig,
  MachineEvents,
  PageBatch,
  PageRange,
  PageSet,
  ScreenImage,
  StopOptions,
  StopReport,
} from '../../engine/machine/machine.ts'
import type { MachineState } from '../../engine/vmstate/state.ts'
import {
  type Arbiter,
  batchOf,
  type CallName,
  dirtySets,
  type FakeOptions,
  transfer,
  takeMissing,
  writeBatch,
} from './fake-parts.ts'
import { zeroState } from './stub-translator.ts'

export const MIB = 1 << 20

export class FakeMachine implements Machine {
  readonly config: MachineConfig
  readonly blocks: readonly BlockInfo[]
  readonly name: string
  readonly memory = new Map<BlockId, Uint8Array<ArrayBuffer>>()
  /** Copies of all memory, taken at the first instruction and at each stop. */
  atStart: Map<BlockId, Uint8Array> | null = null
  atStop: Map<BlockId, Uint8Array> | null = null
  /** What the guest has done so far; part of the state. */
  instructionCount = 0
  closed = false
  logging = false
  /** Shares of its time that the vCPU was told to sleep. */
  readonly throttles: number[] = []
  readonly calls: CallName[] = []
  readonly #arbiter: Arbiter
  readonly #options: FakeOptions
  readonly #dirty = new Map<BlockId, Uint8Array>()
  readonly #random: ReturnType<typeof xoroshiro128plus>
  readonly #events = new Emitter<MachineEvents>()
  readonly missing = new Set<number>()
  readonly guarded = new Set<number>()
  /** The page that the guest waits for. */
  waitsFor: number | null = null
  /** Pages that the guest has written since its first instruction here. */
  readonly written = new Set<number>()
  #faults: FaultRecord[] = []
  #tail: Promise<unknown> = Promise.resolve()
  #guest: NodeJS.Timeout | null = null
  #lastMs = 0

  constructor(options: FakeOptions) {
    const ramBytes = options.ramBytes ?? 8 * MIB
    this.#options = options
    this.name = options.name
    this.config = { ramBytes, vgaBytes: 256 << 10, mac: '02:00:00:00:00:01', disk: null, apic: false }
    this.blocks = [
      { id: BLOCK.ram, name: 'ram', bytes: ramBytes },
      { id: BLOCK.vgaPlanes, name: 'vgaPlanes', bytes: 64 << 10 },
    ]
    this.#arbiter = options.arbiter
    this.#random = xoroshiro128plus(options.seed ?? 1)
    for (const block of this.blocks) {
      this.memory.set(block.id, new Uint8Array(block.bytes))
      this.#dirty.set(block.id, new Uint8Array(block.bytes / PAGE_SIZE))
    }
  }

  get running(): boolean {
    return this.#guest !== null
  }

  /** Fills half of the pages with data, as a booted guest would have. */
  fill(): this {
    for (const [id, memory] of this.memory) {
      for (let page = 0; page < memory.length / PAGE_SIZE; page += 2) this.touch(id, page)
    }
    return this
  }

  on<E extends keyof MachineEvents>(event: E, listener: (told: MachineEvents[E]) => void): () => void {
    return this.#events.on(event, listener)
  }

  boot = () => Promise.resolve()
  freePages = () => Promise.resolve(0)
  unwrittenPages = () => Promise.resolve(new Uint32Array(0))
  useWatch = () => Promise.resolve()

  resume(): Promise<{ runAtMs: number; resumeMs: number }> {
    return this.#call('resume', () => {
      const runAtMs = nowMs()
      this.atStart ??= this.#copy()
      this.#run()
      return { runAtMs, resumeMs: 0 }
    })
  }

  pause(): Promise<{ pausedAtMs: number }> {
    return this.#call('pause', () => {
      this.#halt()
      return { pausedAtMs: nowMs() }
    })
  }

  serialWrite = () => Promise.resolve(0)
  frameReceive(_frame: Uint8Array): void {}
  keyWrite(): void {}
  screen(): Promise<ScreenImage> {
    return Promise.resolve({ kind: 'text', columns: 1, rows: 1, lines: [' '] })
  }

  readPages(set: PageSet): Promise<PageBatch> {
    return this.#call('readPages', () => this.#read(set))
  }

  writePages(batch: PageBatch): Promise<void> {
    const moved = transfer(batch)
    return this.#call('writePages', () => this.#write(moved))
  }

  guardStart(): Promise<void> {
    return this.#call('guardStart', () => this.guarded.clear())
  }
  takePages(set: PageSet): Promise<PageBatch> {
    return this.#call('readPages', () => {
      for (const page of set.pages) this.guarded.add(page)
      return this.#read(set)
    })
  }
  guardStop(): Promise<void> {
    return this.#call('guardStop', () => this.guarded.clear())
  }

  dirtyLogStart(): Promise<void> {
    return this.#call('dirtyLogStart', () => {
      this.logging = true
      for (const dirty of this.#dirty.values()) dirty.fill(0)
    })
  }

  dirtyLogFetch(clear: boolean): Promise<readonly PageSet[]> {
    return this.#call('dirtyLogFetch', () => this.#fetch(clear))
  }

  dirtyAmong(set: PageSet) {
    return dirtyAmong(this, set)
  }

  dirtyLogStop(): Promise<void> {
    return this.#call('dirtyLogStop', () => {
      this.logging = false
    })
  }

  capture(): Promise<MachineState> {
    return this.#call('capture', () => this.#state())
  }

  restore(state: MachineState): Promise<void> {
    return this.#call('load', () => {
      this.instructionCount = state.cpu.eip
    })
  }

  stop(options: StopOptions): Promise<StopReport> {
    return this.#call('stop', () => {
      const t0 = nowMs()
      this.#halt()
      const pausedAtMs = nowMs()
      this.atStop = this.#copy()
      const t1 = nowMs()
      const log = this.logging ? this.#fetch(true) : allPages(this.blocks)
      const all = this.guarded.size === 0 ? log : log.filter(({ block }) => block !== BLOCK.ram)
      this.guarded.clear()
      const leave = options.leaveRam === true
      const dirty = leave ? all.filter(({ block }) => block !== BLOCK.ram) : all
      const none = { block: BLOCK.ram, pages: new Uint32Array(0) }
      const inline = dirty.reduce((sum, set) => sum + set.pages.length, 0) <= options.inlinePages
      const batches = inline ? dirty.map((set) => this.#read(set)) : []
      const t2 = nowMs()
      const state = this.#state()
      return {
        beganMs: t0,
        pausedAtMs,
        pauseMs: pausedAtMs - t0,
        lastPagesMs: t2 - t1,
        captureMs: nowMs() - t2,
        remaining: inline ? [] : dirty,
        batches,
        used: new Uint32Array(0),
        leftRam: leave ? (all.find(({ block }) => block === BLOCK.ram) ?? none) : null,
        state,
      }
    })
  }

  readonly rehearse: Machine['rehearse'] = async (...of) => void (await this.load([], ...of))
  supply(batch: PageBatch): Promise<number> {
    for (const page of takeMissing(this.#block(batch.block), this.missing, batch)) {
      if (this.waitsFor === page) this.waitsFor = null
    }
    return Promise.resolve(this.missing.size)
  }

  faults(): Promise<readonly FaultRecord[]> {
    const faults = this.#faults
    this.#faults = []
    return Promise.resolve(faults)
  }

  load(
    batches: readonly PageBatch[],
    state: MachineState,
    _clock?: 'continue' | 'freeze',
    missing?: Uint8Array<ArrayBuffer>,
  ): Promise<LoadReport> {
    const moved = batches.map(transfer)
    return this.#call('load', () => {
      const t0 = nowMs()
      for (const batch of moved) this.#write(batch)
      this.missing.clear()
      for (const page of Bitmap.of(missing ?? new Uint8Array(0), 8 * (missing?.length ?? 0)).numbers())
        this.missing.add(page)
      const t1 = nowMs()
      this.instructionCount = state.cpu.eip
      return { beganMs: t0, pagesMs: t1 - t0, restoreMs: nowMs() - t1 }
    })
  }

  zeroPages({ block, first, count }: PageRange): Promise<Uint8Array<ArrayBuffer>> {
    const pages = Uint32Array.from({ length: count }, (_, i) => first + i)
    const { zeroPages } = batchOf(this.#block(block), { block, pages })
    return Promise.resolve(Uint8Array.from(pages, (page) => Number(zeroPages.includes(page))))
  }

  digests(block: BlockId): Promise<BigUint64Array<ArrayBuffer>> {
    return this.#call('digests', () => {
      const memory = this.#block(block)
      return BigUint64Array.from({ length: memory.length / PAGE_SIZE }, (_, page) =>
        BigInt(crc32(memory.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE))),
      )
    })
  }

  readonly instructions = () => Promise.resolve(this.instructionCount)
  readonly halted = () => Promise.resolve(false)
  readonly throttle = (share: number) => Promise.resolve(this.throttles.push(share))

  cpuTimeMs = () => Promise.resolve(0)
  close = () => Promise.resolve(this.#end(null))

  die(): void {
    this.#end(new FerryError('machine.crashed', 'the thread crashed'))
  }

  #end(error: FerryError | null): void {
    if (this.closed) return
    this.closed = true
    this.#halt()
    this.#events.emit('exit', error)
  }

  #call<T>(name: CallName, action: () => T): Promise<T> {
    this.calls.push(name)
    const nth = this.calls.filter((call) => call === name).length
    const fault = this.#options.fault
    const result = this.#tail.then(async () => {
      await new Promise((resolve) => setImmediate(resolve))
      if (this.closed) throw new FerryError('machine.closed', 'the machine was closed')
      if (fault !== undefined && fault.call === name && fault.at === nth && fault.how !== 'corrupt') {
        if (fault.how === 'throw') throw new FerryError('machine.fault', `${name} failed`)
        if (fault.how === 'die') {
          this.die()
          throw new FerryError('machine.closed', 'the machine was closed')
        }
        await new Promise(() => undefined)
      }
      this.#advance()
      const value = action()
      if (fault?.how === 'corrupt' && fault.call === name && fault.at === nth) this.#corrupt()
      return value
    })
    this.#tail =
      fault?.how === 'hang' && fault.call === name && fault.at === nth ? this.#tail : result.catch(() => undefined)
    return result
  }

  #corrupt(): void {
    this.#block(BLOCK.ram)[77 * PAGE_SIZE + 5] ^= 1
  }

  #run(): void {
    if (this.#guest !== null) return
    this.#arbiter.start(this.name)
    this.#lastMs = nowMs()
    this.#guest = setInterval(() => this.#advance(), 1)
  }

  #halt(): void {
    if (this.#guest === null) return
    clearInterval(this.#guest)
    this.#guest = null
    this.#arbiter.stop(this.name)
  }

  /** The guest's work since the last time. */
  #advance(): void {
    if (this.#guest === null) return
    const elapsed = nowMs() - this.#lastMs
    const share = 1 - (this.throttles.at(-1) ?? 0)
    const pages = Math.min(Math.floor(elapsed * (this.#options.dirtyPerMs ?? 0) * share), 5000)
    if (pages === 0) return
    this.#lastMs = nowMs()
    if (this.waitsFor !== null) return
    const set = Math.min(this.#options.workingSet ?? Infinity, this.config.ramBytes / PAGE_SIZE)
    for (let i = 0; i < pages; i++) {
      const page = uniformInt(this.#random, 0, set - 1)
      if (this.missing.has(page)) return this.#fault(page)
      if (this.guarded.has(page)) return this.#stopInFront(page)
      this.written.add(page)
      this.touch(BLOCK.ram, page)
    }
    this.touch(BLOCK.vgaPlanes, uniformInt(this.#random, 0, 15))
    this.instructionCount += pages
  }

  /** The guest stands: what it was about to write was taken. */
  #stopInFront(page: number): void {
    this.#halt()
    this.#events.emit('guarded', page)
  }

  /** The guest stands until the page comes. */
  #fault(page: number): void {
    this.waitsFor = page
    this.#faults.push({ page, atMs: nowMs(), stallMs: 0, requested: true })
    this.#events.emit('fault', page)
  }

  touch(id: BlockId, page: number): void {
    const memory = this.#block(id)
    const view = new DataView(memory.buffer)
    const at = page * PAGE_SIZE + uniformInt(this.#random, 0, PAGE_SIZE / 4 - 1) * 4
    view.setUint32(at, uniformInt(this.#random, 1, 0x7fffffff))
    if (this.logging) (this.#dirty.get(id) as Uint8Array)[page] = 1
  }

  #block(id: BlockId): Uint8Array<ArrayBuffer> {
    const memory = this.memory.get(id)
    if (memory === undefined) throw new FerryError('machine.no-block', `no block ${id}`)
    return memory
  }

  #read(set: PageSet): PageBatch {
    return batchOf(this.#block(set.block), set)
  }

  #write(batch: PageBatch): void {
    writeBatch(this.#block(batch.block), batch)
  }

  #fetch(clear: boolean): PageSet[] {
    return dirtySets(this.#dirty, clear)
  }

  #state(): MachineState {
    const state = zeroState()
    state.cpu.eip = this.instructionCount
    state.capturedAtNs = 1_700_000_000_000_000_000n
    return state
  }

  #copy(): Map<BlockId, Uint8Array> {
    return new Map([...this.memory].map(([id, memory]) => [id, memory.slice()]))
  }
}
