/**
 * The one error type of the engine. `code` is for programs (stable, kebab-case, dotted by area), the message is for
 * people and says what happened and, where something can be done, what to do. `data` holds the facts as plain values,
 * so that an error survives a thread, a socket or a file.
 */
export class FerryError extends Error {
  override readonly name = 'FerryError'
  readonly code: string
  readonly data: Readonly<Record<string, string | number | boolean | null>>

  /**
   * @param code e.g. `machine.v86-version`, `protocol.crc`, `host.out-of-memory`
   * @param message one or two sentences for the user
   * @param data facts that the message mentions, as plain values
   * @param cause the error behind it
   */
  constructor(
    code: string,
    message: string,
    data: Record<string, string | number | boolean | null> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.data = data
  }

  /** The error as plain values. */
  toJSON(): ErrorReport {
    return { code: this.code, message: this.message, data: this.data }
  }

  /** Any thrown value as a FerryError: itself where it is one, else wrapped with code `internal`. */
  static from(thrown: unknown): FerryError {
    if (thrown instanceof FerryError) return thrown
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    return new FerryError('internal', message, {}, thrown)
  }

  /** The reverse of `toJSON`. */
  static revive(report: ErrorReport): FerryError {
    return new FerryError(report.code, report.message, { ...report.data })
  }
}

export interface ErrorReport {
  readonly code: string
  readonly message: string
  readonly data: Readonly<Record<string, string | number | boolean | null>>
}
