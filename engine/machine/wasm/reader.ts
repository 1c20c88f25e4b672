/** A cursor over the bytes of a WebAssembly binary. Every read is bounds-checked. */
import { FerryError } from '../../util/errors.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

export class WasmReader {
  readonly bytes: Uint8Array
  readonly end: number
  position: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.position = start
    this.end = end
  }

  get done(): boolean {
    return this.position >= this.end
  }

  byte(): number {
    if (this.position >= this.end) throw malformed('it ends in the middle of a section')
    return this.bytes[this.position++]
  }

  /** Unsigned LEB128 of at most 32 bits. */
  unsigned(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if ((byte & 0x80) === 0 && value <= 0xffffffff) return value
    }
    throw malformed('a number is longer than 32 bits')
  }

  take(length: number): Uint8Array {
    if (length > this.end - this.position) throw malformed('a length reaches past the end')
    const part = this.bytes.subarray(this.position, this.position + length)
    this.position += length
    return part
  }

  name(): string {
    const bytes = this.take(this.unsigned())
    try {
      return utf8.decode(bytes)
    } catch {
      throw malformed('a name is not UTF-8')
    }
  }

  rest(): Uint8Array {
    return this.take(this.end - this.position)
  }
}

export function malformed(what: string): FerryError {
  return new FerryError('wasm.malformed', `The WebAssembly module cannot be read: ${what}.`, { what })
}
