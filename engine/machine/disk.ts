/** The shared disk as v86 wants it: reads and writes complete at once, on bytes that all machines share. */
import { FerryError } from '../util/errors.ts'

export interface DiskBuffer {
  readonly byteLength: number
  load(): void
  onload?: (event: object) => void
  get(start: number, length: number, done: (data: Uint8Array) => void): void
  /** v86 reads the first sector in these two ways when it builds the machine: it guesses the drive's geometry. */
  get_and_cache(start: number, length: number, done: (data: Uint8Array) => void): void
  get_from_cache(start: number, length: number): Uint8Array
  set(start: number, data: Uint8Array, done: () => void): void
  get_state(): unknown[]
  set_state(state: unknown): void
}

export function diskBuffer(shared: SharedArrayBuffer): DiskBuffer {
  const bytes = new Uint8Array(shared)
  const read = (start: number, length: number) => {
    check(start, length)
    return bytes.slice(start, start + length)
  }
  const check = (start: number, length: number) => {
    if (start < 0 || length < 0 || start + length > bytes.length) {
      throw new FerryError('machine.disk-range', 'The guest addressed the disk beyond its end.', { start, length })
    }
  }
  return {
    byteLength: bytes.length,
    load() {
      this.onload?.({})
    },
    get: (start, length, done) => done(read(start, length)),
    get_and_cache: (start, length, done) => done(read(start, length)),
    get_from_cache: read,
    set(start, data, done) {
      check(start, data.length)
      bytes.set(data, start)
      done()
    },
    // The disk is shared: it is not part of a machine's state.
    get_state: () => [],
    set_state() {},
  }
}
