/**
 * One place where a migration can be interrupted: a cut connection, a cancel, a dead machine thread, a deadline.
 * Every wait of a session goes through it, so that an interruption takes effect at once wherever the session is.
 */
import { FerryError } from '../util/errors.ts'

export class Interrupt {
  #error: FerryError | null = null
  readonly #listeners = new Set<(error: FerryError) => void>()

  /** Why the session was interrupted, or null. */
  get error(): FerryError | null {
    return this.#error
  }

  /** Interrupts; the first reason stays. */
  fail(error: FerryError): void {
    if (this.#error !== null) return
    this.#error = error
    for (const listener of [...this.#listeners]) listener(error)
    this.#listeners.clear()
  }

  /** Calls `listener` once, at the interruption (at once if it has happened). Returns the way to unsubscribe. */
  onFail(listener: (error: FerryError) => void): () => void {
    if (this.#error !== null) {
      listener(this.#error)
      return () => undefined
    }
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** @throws FerryError the reason, if interrupted */
  check(): void {
    if (this.#error !== null) throw this.#error
  }

  /**
   * Waits for `promise`, for an interruption, or for the deadline, whichever comes first.
   * @param ms the deadline; Infinity for none
   * @param what names the wait in `deadline.<what>`, e.g. `machine-load`
   * @throws FerryError the interruption's reason, or `deadline.<what>`
   */
  within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let timer: NodeJS.Timeout | null = null
      const finish = (): void => {
        if (timer !== null) clearTimeout(timer)
        off()
      }
      const off = this.onFail((error) => {
        if (timer !== null) clearTimeout(timer)
        reject(error)
      })
      if (ms !== Infinity) {
        timer = setTimeout(() => {
          off()
          reject(deadlineError(what, ms))
        }, ms)
      }
      promise.then(
        (value) => {
          finish()
          resolve(value)
        },
        (reason: unknown) => {
          finish()
          reject(FerryError.from(reason))
        },
      )
    })
  }
}

/** The error of a wait that took too long. */
export function deadlineError(what: string, ms: number): FerryError {
  return new FerryError(`deadline.${what}`, `Waiting for ${what.replaceAll('-', ' ')} took longer than ${ms} ms.`, {
    what,
    deadline_ms: ms,
  })
}
