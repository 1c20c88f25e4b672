/** Who is told what of a machine in QEMU. */
import type { MachineEvents } from '../machine/machine.ts'

export abstract class TellingMachine {
  readonly #listeners: { [E in keyof MachineEvents]: Set<MachineEvents[E]> } = {
    serial: new Set(),
    frame: new Set(),
    fault: new Set(),
    guarded: new Set(),
    exit: new Set(),
  }

  on<E extends keyof MachineEvents>(event: E, listener: MachineEvents[E]): () => void {
    this.#listeners[event].add(listener)
    return () => this.#listeners[event].delete(listener)
  }

  protected tell<E extends keyof MachineEvents>(event: E, ...told: Parameters<MachineEvents[E]>): void {
    for (const listener of this.#listeners[event]) {
      // The compiler does not see that a listener of this set takes what this event tells.
      ;(listener as (...told: Parameters<MachineEvents[E]>) => void)(...told)
    }
  }
}
