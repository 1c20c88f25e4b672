/** Ctrl-C and its kin: the first asks whatever runs to come to an end, the second ends the process at once. */
import { EXIT, interrupted } from './errors.ts'
import { sayNow } from './output.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** One Ctrl-C may arrive twice, from the terminal and from a wrapper such as npm. */
const ECHO_MS = 150

export class Interrupts {
  readonly #listeners = new Set<() => void>()
  readonly #onSignal = () => this.#signal()
  #firstMs = 0

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#onSignal)
  }

  get happened(): boolean {
    return this.#firstMs > 0
  }

  /** Calls `listener` at the first interrupt. Returns the function that ends it. */
  on(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The result of `work`, or the error `interrupted` as soon as an interrupt comes; `work` is not awaited then. */
  async orInterrupted<T>(work: Promise<T>): Promise<T> {
    if (this.happened) {
      work.catch(() => {})
      throw interrupted()
    }
    let off = (): void => {}
    const stop = new Promise<never>((_, reject) => {
      off = this.on(() => reject(interrupted()))
    })
    work.catch(() => {})
    try {
      return await Promise.race([work, stop])
    } finally {
      off()
    }
  }

  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal)
  }

  #signal(): void {
    const now = performance.now()
    if (this.#firstMs > 0) {
      if (now - this.#firstMs < ECHO_MS) return
      sayNow('ferry: ended at once.')
      process.exit(EXIT.interrupted)
    }
    this.#firstMs = now
    for (const listener of [...this.#listeners]) listener()
  }
}
