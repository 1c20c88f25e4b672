/** How a machine comes to be: built on a thread of its own, blank, and then taken to be a certain one. */
import { Worker } from 'node:worker_threads'
import { FerryError } from '../util/errors.ts'
import { nowMs } from '../util/clock.ts'
import { Doorbell } from './doorbell.ts'
import type { Machine, MachineConfig } from './machine.ts'
import type { Reply, Request, ThreadData } from './messages.ts'
import { SharedRam, type SharedRamPlace } from './shared-ram.ts'
import { ThreadMachine, crashed } from './thread-machine.ts'
import { patchedModule } from './v86/package.ts'

const MIB = 1024 * 1024
/** Long enough for a loaded machine to compile and start; a thread that takes longer is stuck. */
const START_DEADLINE_MS = 30_000
/** All machines of the process count guest time from here, so that a state's times mean the same in each. */
const CLOCK_BASE = nowMs()

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

/** What v86 fixes when it builds a machine. The disk is part of it: its first sector tells the drive's geometry. */
export type MachineShape = Omit<MachineConfig, 'mac'>

/** Whether a machine of one shape is as good as one of the other. */
export const sameShape = (a: MachineShape, b: MachineShape): boolean =>
  a.ramBytes === b.ramBytes && a.vgaBytes === b.vgaBytes && a.apic === b.apic && a.disk === b.disk

/** An address for as long as nobody has taken the machine. */
const BLANK_MAC = '02:00:00:00:00:00'

/** A machine on a thread of its own that is nobody's yet: built, and warm. */
export class BlankMachine {
  readonly shape: MachineShape
  readonly #worker: Worker
  readonly #doorbell: Doorbell
  readonly #place: SharedRamPlace
  #ended = false
  #onEnd: () => void = () => {}

  private constructor(shape: MachineShape, worker: Worker, doorbell: Doorbell, place: SharedRamPlace) {
    this.shape = shape
    this.#place = place
    this.#worker = worker
    this.#doorbell = doorbell
    worker.once('exit', this.#exited)
    worker.on('error', this.#exited)
  }

  /** @throws FerryError `machine.config`, `machine.v86-*`, `machine.start` */
  static async start(shape: MachineShape): Promise<BlankMachine> {
    const config = { ...shape, mac: BLANK_MAC }
    checkConfig(config)
    const doorbell = new Doorbell()
    const module = await patchedModule()
    const data: ThreadData = { config, module, doorbell: doorbell.buffer, clockBase: CLOCK_BASE }
    const worker = new Worker(new URL('./vcpu-thread.ts', import.meta.url), { workerData: data })
    return new BlankMachine(shape, worker, doorbell, await started(worker))
  }

  /**
   * The host hands out memory for these pages of RAM, in the background; to the machine it makes no difference. Takes the
   * place of what was asked for before: none = stop.
   */
  touch(pages: Uint32Array<ArrayBuffer>): void {
    this.#post({ kind: 'touch', pages })
  }

  /**
   * The machine, powered on now, paused, with nothing to run yet. This is of no use any more.
   * @throws FerryError `machine.config` for the address, `machine.crashed` where its thread has ended meanwhile
   */
  take(mac: string): Machine {
    const config = { ...this.shape, mac }
    checkConfig(config)
    if (this.#ended) throw crashed()
    this.#release()
    return new ThreadMachine(config, this.#worker, this.#doorbell, new SharedRam(this.#place))
  }

  /** Is called where the thread ends before somebody has taken the machine, unless by `close`. */
  onEnd(listener: () => void): void {
    this.#onEnd = listener
  }

  /** Ends the thread. Not of a machine that was taken. */
  async close(): Promise<void> {
    this.#onEnd = () => {}
    await this.#worker.terminate()
  }

  readonly #exited = (): void => {
    if (this.#ended) return
    this.#ended = true
    this.#onEnd()
  }

  #release(): void {
    this.#worker.off('exit', this.#exited)
    this.#worker.off('error', this.#exited)
  }

  #post(request: Request): void {
    this.#worker.postMessage(request)
    this.#doorbell.ring()
  }
}

/**
 * Resolves when the thread has said that it is ready, with where its RAM lies.
 * @throws FerryError `machine.start`; the thread is ended then
 */
function started(worker: Worker): Promise<SharedRamPlace> {
  return new Promise((resolve, reject) => {
    const fail = (cause?: unknown) => {
      clearTimeout(deadline)
      void worker.terminate()
      reject(new FerryError('machine.start', 'The thread of the machine did not start.', {}, cause))
    }
    const deadline = setTimeout(fail, START_DEADLINE_MS)
    worker.once('error', fail)
    worker.once('exit', fail)
    worker.once('message', (first: Reply) => {
      if (first.kind !== 'ready') {
        fail()
        return
      }
      clearTimeout(deadline)
      worker.off('error', fail)
      worker.off('exit', fail)
      resolve(first.place)
    })
  })
}

/**
 * Starts a machine on a thread of its own: powered on, paused, with nothing to run yet.
 * @throws FerryError `machine.config`, `machine.v86-*`, `machine.start`
 */
export async function createMachine({ mac, ...shape }: MachineConfig): Promise<Machine> {
  checkConfig({ ...shape, mac })
  return (await BlankMachine.start(shape)).take(mac)
}
