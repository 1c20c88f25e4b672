/**
 * The machine that a host holds ready: nobody's yet, of one shape. A guest that comes takes it in a few milliseconds in
 * place of the 200 or more that a new thread with a new emulator takes.
 */
import type { MachineShape } from '../../machine/blank-machine.ts'
import { sameShape } from '../../machine/blank-machine.ts'
import type { Machine, MachineConfig } from '../../machine/machine.ts'

/** A blank machine, as far as it is needed here. */
export interface Spare {
  readonly shape: MachineShape
  touch(pages: Uint32Array<ArrayBuffer>): void
  take(mac: string): Machine
  onEnd(listener: () => void): void
  close(): Promise<void>
}

/** A spare that ends by itself, or cannot be made, so often in a row is not made again: something is wrong here. */
const MOST_FAILURES = 3
const NO_PAGES = new Uint32Array(0)

export class Standby {
  readonly #start: (shape: MachineShape) => Promise<Spare>
  #spare: Spare | null = null
  #making: Promise<void> | null = null
  #makes: MachineShape | null = null
  #failures = 0
  #closed = false

  /** @param start makes a machine, e.g. `BlankMachine.start` */
  constructor(start: (shape: MachineShape) => Promise<Spare>) {
    this.#start = start
  }

  /** The shape of the machine that is ready; null = none is. */
  get ready(): MachineShape | null {
    return this.#spare?.shape ?? null
  }

  /**
   * Sees to it that a machine of this shape is ready. Never rejects: without one, guests come all the same, later.
   * @returns whether one is
   */
  async prepare(shape: MachineShape): Promise<boolean> {
    await this.#making
    if (this.#spare !== null && sameShape(this.#spare.shape, shape)) return true
    await this.drop()
    if (this.#closed || this.#failures >= MOST_FAILURES) return false
    this.#makes = shape
    this.#making = this.#make(shape)
    await this.#making
    return this.#spare !== null
  }

  /** Has the host hand out memory for these pages of the machine that is ready; none = no more of them. */
  touch(pages: Uint32Array<ArrayBuffer>): void {
    this.#spare?.touch(pages)
  }

  /** Touches no more pages for now: the computer has better things to do. */
  rest(): void {
    this.touch(NO_PAGES)
  }

  /**
   * The machine that is ready, or about to be, as the one that is asked for.
   * @returns null where there is none that fits
   */
  async take({ mac, ...shape }: MachineConfig): Promise<Machine | null> {
    if (this.#makes !== null && sameShape(this.#makes, shape)) await this.#making
    const spare = this.#spare
    if (spare === null || !sameShape(spare.shape, shape)) return null
    this.#spare = null
    try {
      const machine = spare.take(mac)
      this.#failures = 0
      return machine
    } catch {
      // Its thread has just ended: a new machine serves. What is wrong with the address is told there, too.
      await spare.close()
      return null
    }
  }

  /** Ends the machine that is ready, if there is one. */
  async drop(): Promise<void> {
    const spare = this.#spare
    this.#spare = null
    await spare?.close()
  }

  /** Ends it, and holds none any more. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#making
    await this.drop()
  }

  async #make(shape: MachineShape): Promise<void> {
    try {
      const spare = await this.#start(shape)
      if (this.#closed) return await spare.close()
      spare.onEnd(() => {
        if (this.#spare !== spare) return
        this.#spare = null
        this.#failures++
      })
      this.#spare = spare
    } catch {
      this.#failures++
    } finally {
      this.#makes = null
      this.#making = null
    }
  }
}
