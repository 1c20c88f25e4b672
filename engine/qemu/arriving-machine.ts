/** How a machine in QEMU gets its guest, once, how it is slowed down, and how it goes by QEMU's own migration. */
import type { NativeDeparture, NativeMigration } from '../machine/machine.ts'
import { FerryError } from '../util/errors.ts'
import type { Arrival } from './arrival.ts'
import { LateMachine, unsupported } from './late-machine.ts'
import { departNatively, type NativeOptions } from './native.ts'
import { order } from './orders.ts'
import type { QemuProcess } from './process.ts'
import type { QmpEvent } from './qmp-messages.ts'
import { StampClock } from './stamp-clock.ts'
import { Throttle } from './throttle.ts'

/** `empty`: waits for its guest. */
type Phase = 'empty' | 'paused' | 'running'

export abstract class ArrivingMachine extends LateMachine {
  protected readonly process: QemuProcess
  protected readonly clock = new StampClock()
  /** Null: a guest has come. */
  protected arrival: Arrival | null
  protected phase: Phase = 'empty'
  /** Told to stop for good: takes no input until it runs again. */
  protected leaving = false
  protected readonly slowing = new Throttle({
    stop: () => this.order('stop', 'STOP'),
    cont: () => this.order('cont', 'RESUME'),
  })

  readonly native: NativeMigration = {
    depart: (send, onStopped, throttle) => this.turn(() => this.#depart({ send, onStopped, throttle })),
    arrive: (bytes) => this.turn(() => this.arrivalOf('native').raw(bytes)),
    arrived: (typed) => this.turn(() => this.settle(this.arrivalOf('native').finish(new Uint8Array(0)), typed)),
  }

  protected constructor(process: QemuProcess, arrival: Arrival) {
    super()
    this.process = process
    this.arrival = arrival
  }

  throttle(share: number): Promise<number> {
    return this.turn(async () => {
      this.loaded()
      return this.slowing.set(this.phase === 'running' ? share : 0)
    })
  }

  protected order(command: string, event: string): Promise<QmpEvent> {
    return order(this.process.qmp, command, event)
  }

  /** @throws FerryError `machine.empty` */
  protected loaded(): void {
    if (this.phase === 'empty') throw new FerryError('machine.empty', 'The machine has no guest yet.')
  }

  /**
   * @param way null: as a state and pages
   * @throws FerryError `machine.unsupported` where a guest has come, or another way was prepared for it
   */
  protected arrivalOf(way: 'late' | 'native' | null): Arrival {
    const { arrival } = this
    if (arrival === null) throw unsupported('A second guest in the place of the first')
    if (way === null ? arrival.way === 'native' : arrival.way !== way) {
      throw unsupported('A guest that comes in another way than was announced')
    }
    return arrival
  }

  /**
   * A stream that was begun cannot be taken back, whatever becomes of it.
   * @param typed what waits on its serial line
   */
  protected async settle(arriving: Promise<void>, typed: Uint8Array): Promise<void> {
    this.arrival = null
    await arriving
    this.phase = 'paused'
    this.process.serial.write(typed)
  }

  async #depart(options: Pick<NativeOptions, 'send' | 'onStopped' | 'throttle'>): Promise<NativeDeparture> {
    this.loaded()
    await this.slowing.set(0)
    this.leaving = true
    const timeOf: NativeOptions['timeOf'] = (event, afterMs) => this.clock.timeOf(event, afterMs)
    try {
      const left = await departNatively({ ...options, process: this.process, timeOf })
      this.phase = 'paused'
      return left
    } catch (thrown) {
      this.leaving = false
      throw thrown
    }
  }
}
