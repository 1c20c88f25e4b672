/**
 * A machine that is a QEMU process: the contract of `machine/machine.ts`, carried out by QEMU's own means. A guest comes in
 * as QEMU's migration stream and goes out as one; QEMU keeps what it gave out until it is ended.
 */
import { lineInput } from '../hypervisors/qemu/loose-ends.ts'
import type {
  DirectBoot,
  LoadReport,
  Machine,
  MachineConfig,
  PageBatch,
  PageRange,
  PageSet,
  ScreenImage,
  StopOptions,
  StopReport,
} from '../machine/machine.ts'
import { dirtyAmong } from '../machine/dirty-among.ts'
import { blocksOf } from '../machine/memory-layout.ts'
import { nowMs } from '../util/clock.ts'
import type { Bitmap } from '../util/bitmap.ts'
import { FerryError } from '../util/errors.ts'
import { BLOCK, type BlockId, type BlockInfo } from '../vmstate/blocks.ts'
import type { MachineState } from '../vmstate/state.ts'
import type { Arrival } from './arrival.ts'
import { ArrivingMachine } from './arriving-machine.ts'
import { ChangeLog, type Following } from './change-log.ts'
import { DeviceBlocks } from './device-blocks.ts'
import { ending } from './ending.ts'
import { bootElsewhere } from './firmware.ts'
import { keyEvents } from './keys.ts'
import { withTyped } from './line-state.ts'
import { cpuTimeMs } from './cpu-time.ts'
import { unsupported } from './late-machine.ts'
import { missingOf } from './late-memory.ts'
import { screendump } from './picture.ts'
import type { QemuProcess } from './process.ts'
import { haltedAnswer, icountAnswer } from './qmp-messages.ts'
import type { GuestRam } from './ram.ts'
import { type Snapshot, takeSnapshot } from './snapshot.ts'
import { VideoAhead } from './video-ahead.ts'
import { VideoMirror } from './video-mirror.ts'

type Clock = 'continue' | 'freeze'

export interface QemuParts {
  readonly process: QemuProcess
  readonly arrival: Arrival
  readonly ram: GuestRam
  /** Carries out a boot plan: a machine of another kind, before its guest's first instruction. */
  readonly firmware: (config: MachineConfig) => Promise<Machine>
}

export class QemuMachine extends ArrivingMachine implements Machine {
  readonly config: MachineConfig
  readonly blocks: readonly BlockInfo[]
  readonly #ram: GuestRam
  readonly #firmware: QemuParts['firmware']
  readonly #devices: DeviceBlocks
  readonly #video: VideoMirror
  readonly #ahead: VideoAhead
  /** Bytes of output that were told with the state already: QEMU says them again if it goes on after all. */
  #told = 0
  #log: ChangeLog | null = null
  #turns: Promise<unknown> = Promise.resolve()
  #ended: FerryError | null = null
  #closing: Promise<void> | null = null

  constructor(config: MachineConfig, parts: QemuParts) {
    super(parts.process, parts.arrival)
    this.config = config
    this.blocks = blocksOf(config)
    this.#ram = parts.ram
    this.#firmware = parts.firmware
    this.#devices = new DeviceBlocks(this.blocks)
    this.#video = new VideoMirror(config.vgaBytes)
    this.#ahead = new VideoAhead(this.#devices)
  }

  /** QEMU's process, for those who run it: what the guest wrote, sent, and how it ended. */
  wrote(bytes: Uint8Array): void {
    const known = Math.min(this.#told, bytes.length)
    this.#told -= known
    if (known < bytes.length) this.events.emit('serial', bytes.subarray(known))
  }
  sent(frame: Uint8Array): void {
    this.events.emit('frame', frame)
  }
  processEnded(error: FerryError): void {
    this.#end(this.#closing === null ? error : null)
  }

  /** A plan is what firmware would have done; QEMU has no part of it that does just that, so another machine does. */
  async boot(plan: DirectBoot): Promise<void> {
    await bootElsewhere(await this.#firmware(this.config), plan, this)
  }

  resume(): Promise<{ runAtMs: number; resumeMs: number }> {
    return this.turn(async () => {
      this.loaded()
      const orderedMs = nowMs()
      this.leaving = false
      const runAtMs = this.phase === 'running' ? orderedMs : await this.#run(orderedMs)
      this.phase = 'running'
      return { runAtMs, resumeMs: runAtMs - orderedMs }
    })
  }

  async #run(orderedMs: number): Promise<number> {
    await this.departure?.cancel()
    this.departure = null
    const told = this.order('cont', 'RESUME').then((event) => this.clock.timeOf(event, orderedMs))
    // A vCPU that takes an interrupt, and waits for a page of its stack, keeps QEMU from telling that it runs.
    return this.late === null || this.late.left === 0 ? told : Promise.race([told, this.late.nextAsked()])
  }

  pause(): Promise<{ pausedAtMs: number }> {
    return this.turn(() => this.#pause())
  }

  async #pause(): Promise<{ pausedAtMs: number }> {
    const orderedMs = nowMs()
    if (this.phase !== 'running') return { pausedAtMs: orderedMs }
    await this.slowing.set(0)
    const event = await this.order('stop', 'STOP')
    this.phase = 'paused'
    this.process.serial.drain()
    return { pausedAtMs: this.clock.timeOf(event, orderedMs) }
  }

  /** Bytes lie in a pipe until the UART has room, and can be taken back from there: so they are in every later state. */
  serialWrite(bytes: Uint8Array): Promise<number> {
    return this.turn(() =>
      Promise.resolve(this.leaving || this.phase === 'empty' ? 0 : this.process.serial.write(bytes)),
    )
  }

  frameReceive(frame: Uint8Array): void {
    if (this.phase === 'running') this.process.sendFrame(frame)
  }

  keyWrite(scanCodes: Uint8Array): void {
    const events = keyEvents(scanCodes)
    if (events.length === 0 || this.phase !== 'running') return
    // QEMU takes no key for a vCPU that does not run.
    this.slowing.awake(() => void this.process.qmp.command('input-send-event', { events }).catch(() => undefined))
  }

  screen(): Promise<ScreenImage> {
    return this.turn(() => screendump(this.process.qmp, this.process.folder))
  }

  readPages(set: PageSet): Promise<PageBatch> {
    return this.turn(async () => {
      if (set.block === BLOCK.ram && this.departure !== null) return this.departure.read(set.pages, this.#ram)
      return this.#read(set)
    })
  }

  #read(set: PageSet): PageBatch {
    if (set.block !== BLOCK.ram) return this.#devices.read(set)
    const batch = this.#ram.read(set.pages)
    this.#log?.given(batch)
    return batch
  }

  writePages(batch: PageBatch): Promise<void> {
    return this.turn(() => this.#write(batch))
  }

  async #write(batch: PageBatch): Promise<void> {
    if (batch.block !== BLOCK.ram) return this.#devices.write(batch)
    if (this.arrival === null) throw unsupported('Memory written behind the back of its guest')
    this.#ram.check(batch.pages)
    this.#ram.check(batch.zeroPages)
    await this.arrival.pages(batch)
  }

  dirtyLogStart(): Promise<void> {
    return this.turn(async () => {
      this.#log = await ChangeLog.start(this.#ram, this.late?.missing)
      this.#devices.settle()
    })
  }

  dirtyLogFetch(clear: boolean): Promise<readonly PageSet[]> {
    return this.turn(async () => {
      if (this.#log === null) throw new FerryError('machine.log-off', 'The dirty log of the machine is off.')
      const pages = await this.#log.fetch(clear)
      const devices = this.#devices.changed()
      if (clear) this.#devices.settle()
      return pages.length === 0 ? devices : [{ block: BLOCK.ram, pages }, ...devices]
    })
  }

  dirtyAmong(set: PageSet): Promise<Uint32Array<ArrayBuffer>> {
    return dirtyAmong(this, set)
  }

  dirtyLogStop(): Promise<void> {
    return this.turn(() => {
      this.#log = null
      return Promise.resolve()
    })
  }

  capture(): Promise<MachineState> {
    return this.turn(async () => {
      this.loaded()
      const { state, again } = await this.slowing.without(() => this.#taken())
      if (this.phase !== 'running') return state
      // The guest may have to stand still for this soon.
      again()
      return state
    })
  }

  /** A snapshot after which the guest goes on if it ran. */
  async #taken(): Promise<Snapshot> {
    const taken = await this.#snapshot()
    if (this.phase === 'running') await this.order('cont', 'RESUME')
    return taken
  }

  #snapshot(changes?: Following): Promise<Snapshot> {
    return takeSnapshot({ ...this.#parts, page: (page, bytes) => changes?.page(page, bytes) })
  }

  get #parts() {
    const [ram, devices, video] = [this.#ram, this.#devices, this.#video]
    return { process: this.process, config: this.config, ram, devices, video }
  }

  restore(state: MachineState, clock: Clock): Promise<void> {
    return this.turn(async () => void (await this.#load([], state, clock)))
  }

  stop(options: StopOptions): Promise<StopReport> {
    this.leaving = true
    return this.turn(() => this.#stop(options))
  }

  async #stop({ inlinePages, leaveRam = false }: StopOptions): Promise<StopReport> {
    const orderedMs = nowMs()
    await this.slowing.set(0)
    const { serial } = this.process
    const log = this.#log
    const typed = serial.takeBack()
    // Without a log everything remains, and the guest has to stand still for it.
    let pausedAtMs = log === null ? (await this.#pause()).pausedAtMs : orderedMs
    const changes = log?.follow()
    this.loaded()
    const leaving = leaveRam && log !== null ? this.leave(this.#parts, log.gave, changes) : this.#snapshot(changes)
    const { state, stop, unsent } = await leaving.catch((thrown: unknown) => {
      // It will go on, and what was typed with it.
      serial.write(typed)
      throw thrown
    })
    const capturedMs = nowMs()
    if (this.phase === 'running' && stop !== null) pausedAtMs = this.clock.timeOf(stop, orderedMs)
    this.phase = 'paused'
    serial.drain()
    this.#told = 0
    if (unsent.length > 0) this.wrote(unsent)
    this.#told = unsent.length
    // What was typed stays on the line as well: for the guest if it goes on here.
    serial.write(typed)
    const ram: PageSet = { block: BLOCK.ram, pages: changes?.pages() ?? every(this.#ram.pages) }
    const devices = log === null ? this.#devices.all() : this.#devices.changed()
    const sets = [...(leaveRam ? [] : [ram]), ...devices].filter(({ pages }) => pages.length > 0)
    const inline = sets.reduce((sum, { pages }) => sum + pages.length, 0) <= inlinePages
    const batches = inline ? sets.map((set) => this.#read(set)) : []
    return {
      beganMs: orderedMs,
      pausedAtMs,
      pauseMs: Math.max(0, pausedAtMs - orderedMs),
      lastPagesMs: nowMs() - capturedMs,
      captureMs: Math.max(0, capturedMs - pausedAtMs),
      remaining: inline ? [] : sets,
      batches,
      leftRam: leaveRam ? ram : null,
      used: new Uint32Array(0),
      state: withTyped(state, typed),
    }
  }

  /**
   * QEMU takes a guest once, so that what `load` would find is looked for without it; all that `load` does before it sends is
   * done, so that none of it is slow for being done for the first time. Video memory goes already. @throws FerryError `native.*`,
   * `qemu.refused`
   */
  rehearse(state: MachineState, clock: Clock, missing?: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.turn(async () => {
      const video = this.#ahead.take(state.vga)
      ending(this.#devices, video, state, clock, missingOf(missing, this.#ram.pages))
      await this.arrivalOf(missing === undefined ? null : 'late').video(video)
    })
  }

  load(
    batches: readonly PageBatch[],
    state: MachineState,
    clock: Clock,
    missing?: Uint8Array<ArrayBuffer>,
  ): Promise<LoadReport> {
    return this.turn(async () => {
      const startMs = nowMs()
      const pagesMs = await this.#load(batches, state, clock, missingOf(missing, this.#ram.pages))
      return { beganMs: startMs, pagesMs, restoreMs: nowMs() - startMs - pagesMs }
    })
  }

  /** @returns how long the pages took, ms */
  async #load(batches: readonly PageBatch[], state: MachineState, clock: Clock, missing?: Bitmap): Promise<number> {
    const arrival = this.arrivalOf(missing === undefined ? null : 'late')
    const startMs = nowMs()
    for (const batch of batches) await this.#write(batch)
    const pagesMs = nowMs() - startMs
    const bytes = ending(this.#devices, this.#ahead.take(state.vga), state, clock, missing)
    // A stream that was begun cannot be taken back, whatever becomes of it.
    const onGiven = (batch: PageBatch) => this.#log?.given(batch)
    const { qmp } = this.process
    await this.settle(
      missing === undefined ? arrival.finish(bytes) : this.begin({ arrival, bytes, missing, qmp, onGiven }),
      lineInput(state),
    )
    return pagesMs
  }

  digests(block: BlockId): Promise<BigUint64Array<ArrayBuffer>> {
    return this.turn(() => (block === BLOCK.ram ? this.#ram.digests() : Promise.resolve(this.#devices.digests(block))))
  }

  zeroPages({ block, first, count }: PageRange): Promise<Uint8Array<ArrayBuffer>> {
    const zeros = () =>
      (block === BLOCK.ram ? this.#ram : null)?.zeros(first, count) ?? this.#devices.zeros(block, first, count)
    return this.turn(() => Promise.resolve(count === 0 ? new Uint8Array(0) : zeros()))
  }

  instructions(): Promise<number> {
    return this.turn(async () => {
      const { icount } = await this.process.qmp.ask('query-replay', icountAnswer)
      return icount % 2 ** 32
    })
  }

  halted(): Promise<boolean> {
    const order = { 'command-line': 'info registers' }
    return this.turn(() => this.process.qmp.ask('human-monitor-command', haltedAnswer, order))
  }

  cpuTimeMs(): Promise<number> {
    return this.#ended === null ? cpuTimeMs(this.process.pid) : Promise.reject(this.#ended)
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.arrival?.close()
      this.departure?.close()
      if (this.phase === 'running') this.process.serial.drain()
      await this.process.end()
      this.#end(null)
    })()
    return this.#closing
  }

  /** One call after the other, in the order in which they were made. A QEMU that does not answer any more is ended. */
  protected turn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.then(async () => {
      if (this.#ended !== null) throw this.#ended
      if (this.#closing !== null) throw closed()
      try {
        return await work()
      } catch (thrown) {
        const error = FerryError.from(thrown)
        if (error.code !== 'qemu.ended') throw error
        await this.process.end()
        throw this.#ended ?? error
      }
    })
    this.#turns = turn.catch(() => undefined)
    return turn
  }

  #end(error: FerryError | null): void {
    if (this.#ended !== null) return
    this.#ended = error ?? closed()
    this.#ram.close()
    this.events.emit('exit', error)
  }
}

const every = (pages: number): Uint32Array<ArrayBuffer> => Uint32Array.from({ length: pages }, (_, page) => page)
const closed = (): FerryError => new FerryError('machine.closed', 'The machine has been shut down.')
