/**
 * A machine as its host's hypervisor sees its memory: what the machine logs as dirty goes through the hypervisor's own
 * log (a bitmap over the PFN space, or one for each memory slot) and comes out of it for the migration.
 */
import type { MemoryView } from '../hypervisors/memory-view.ts'
import type {
  DirectBoot,
  Machine,
  MachineEvents,
  NativeMigration,
  PageBatch,
  PageRange,
  PageSet,
  StopOptions,
  StopReport,
} from '../machine/machine.ts'
import { BLOCK, type BlockId } from '../vmstate/blocks.ts'
import type { MachineState } from '../vmstate/state.ts'

type Clock = 'continue' | 'freeze'

/** Frames kept for a guest that stands still to switch over: what 10 ms of a fast Ethernet bring. */
const MOST_HELD = 512

export class HostedMachine implements Machine {
  readonly view: MemoryView
  readonly #machine: Machine
  /** Frames that came since the guest was stopped for good; null while it may run. */
  #held: Uint8Array[] | null = null

  constructor(machine: Machine, view: MemoryView) {
    this.#machine = machine
    this.view = view
  }

  async dirtyLogStart(): Promise<void> {
    this.view.startLog()
    await this.#machine.dirtyLogStart()
  }

  /** The machine's log is always emptied into the hypervisor's, which keeps it until it is cleared there. */
  async dirtyLogFetch(clear: boolean): Promise<readonly PageSet[]> {
    const sets = await this.#machine.dirtyLogFetch(clear)
    this.#record(sets)
    const others = sets.filter(({ block }) => block !== BLOCK.ram)
    const pages = this.view.fetch(clear)
    return pages.length === 0 ? others : [{ block: BLOCK.ram, pages }, ...others]
  }

  async dirtyLogStop(): Promise<void> {
    await this.#machine.dirtyLogStop()
    this.view.stopLog()
  }

  async stop(options: StopOptions): Promise<StopReport> {
    this.#held ??= []
    const report = await this.#machine.stop(options)
    if (this.view.mode === 'shadow' || this.view.mode === 'logging') {
      this.#record(report.remaining)
      if (report.leftRam !== null) this.#record([report.leftRam])
      this.#record(report.batches)
      this.#record(report.batches.map(({ block, zeroPages }) => ({ block, pages: zeroPages })))
    }
    return report
  }

  #record(sets: readonly PageSet[]): void {
    for (const { block, pages } of sets) if (block === BLOCK.ram) this.view.record(pages)
  }

  get native(): NativeMigration | undefined {
    const { native } = this.#machine
    if (native === undefined) return undefined
    const depart: NativeMigration['depart'] = (send, onStopped, throttle) => {
      const stopped = (): void => {
        this.#held ??= []
        onStopped()
      }
      return native.depart(send, stopped, throttle)
    }
    return { ...native, depart }
  }

  get config() {
    return this.#machine.config
  }
  get blocks() {
    return this.#machine.blocks
  }
  on<E extends keyof MachineEvents>(event: E, listener: (told: MachineEvents[E]) => void) {
    return this.#machine.on(event, listener)
  }
  boot(plan: DirectBoot) {
    return this.#machine.boot(plan)
  }
  async resume() {
    const report = await this.#machine.resume()
    const held = this.takeHeld()
    this.#held = null
    for (const frame of held) this.#machine.frameReceive(frame)
    return report
  }

  /**
   * Frames that came for the guest while it stood still to switch over. A card of a stopped machine takes none; the bridge
   * keeps them for wherever the guest goes on, so that its clients see a delay and no loss.
   */
  takeHeld(): Uint8Array[] {
    return this.#held?.splice(0) ?? []
  }
  pause() {
    return this.#machine.pause()
  }
  serialWrite(bytes: Uint8Array) {
    return this.#machine.serialWrite(bytes)
  }
  frameReceive(frame: Uint8Array) {
    if (this.#held === null) this.#machine.frameReceive(frame)
    else if (this.#held.length < MOST_HELD) this.#held.push(frame.slice())
  }
  keyWrite(scanCodes: Uint8Array) {
    this.#machine.keyWrite(scanCodes)
  }
  screen() {
    return this.#machine.screen()
  }
  readPages(set: PageSet, place?: Uint8Array<ArrayBuffer>) {
    return this.#machine.readPages(set, place)
  }
  writePages(batch: PageBatch) {
    return this.#machine.writePages(batch)
  }
  guardStart() {
    return this.#machine.guardStart()
  }
  takePages(set: PageSet, place?: Uint8Array<ArrayBuffer>) {
    return this.#machine.takePages(set, place)
  }
  guardStop() {
    return this.#machine.guardStop()
  }
  dirtyAmong(set: PageSet) {
    return this.#machine.dirtyAmong(set)
  }
  useWatch() {
    return this.#machine.useWatch()
  }
  capture() {
    return this.#machine.capture()
  }
  restore(state: MachineState, clock: Clock) {
    return this.#machine.restore(state, clock)
  }
  load(batches: readonly PageBatch[], state: MachineState, clock: Clock, missing?: Uint8Array<ArrayBuffer>) {
    return this.#machine.load(batches, state, clock, missing)
  }
  rehearse(state: MachineState, clock: Clock, missing?: Uint8Array<ArrayBuffer>) {
    return this.#machine.rehearse(state, clock, missing)
  }
  supply(batch: PageBatch) {
    return this.#machine.supply(batch)
  }
  faults() {
    return this.#machine.faults()
  }
  digests(block: BlockId) {
    return this.#machine.digests(block)
  }
  freePages() {
    return this.#machine.freePages()
  }
  unwrittenPages() {
    return this.#machine.unwrittenPages()
  }
  zeroPages(range: PageRange) {
    return this.#machine.zeroPages(range)
  }
  instructions() {
    return this.#machine.instructions()
  }
  halted() {
    return this.#machine.halted()
  }
  throttle(share: number) {
    return this.#machine.throttle(share)
  }
  cpuTimeMs() {
    return this.#machine.cpuTimeMs()
  }
  async close() {
    await this.#machine.close()
    this.view.release()
  }
}
