/** The machine memory of one host: a finite number of frames, of which every guest reserves its own. */
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { FerryError } from '../util/errors.ts'
import { PAGE_SIZE } from '../vmstate/blocks.ts'

/** Frames handed out to one owner, in no order. */
export interface Reservation {
  readonly frames: Uint32Array<ArrayBuffer>
}

export class HostMemory {
  /** Frames that the host has. */
  readonly totalPages: number
  private readonly free: Uint32Array<ArrayBuffer>
  private freeCount: number
  private readonly random: ReturnType<typeof xoroshiro128plus>
  private readonly reservations = new Set<Reservation>()

  /**
   * @param options.bytes machine memory, a multiple of 4096
   * @param options.seed equal seeds scatter equally
   */
  constructor(options: { readonly bytes: number; readonly seed: number }) {
    this.totalPages = Math.floor(options.bytes / PAGE_SIZE)
    this.free = Uint32Array.from({ length: this.totalPages }, (_, frame) => frame)
    this.freeCount = this.totalPages
    this.random = xoroshiro128plus(options.seed)
  }

  /** Frames that nobody has reserved. */
  get freePages(): number {
    return this.freeCount
  }

  /**
   * Reserves frames, scattered over the machine's memory as those of a host that has been running for a while.
   * Throws `host.out-of-memory`, with the pages needed and free, and reserves nothing then.
   */
  reserve(pages: number): Reservation {
    if (pages > this.freeCount) {
      const message =
        `The host has ${this.freeCount} free pages (${megabytes(this.freeCount)} MiB) and needs ${pages} ` +
        `(${megabytes(pages)} MiB). Stop a guest, or give the host more memory.`
      throw new FerryError('host.out-of-memory', message, { needed: pages, free: this.freeCount })
    }
    const frames = new Uint32Array(pages)
    for (let i = 0; i < pages; i++) {
      const pick = uniformInt(this.random, 0, this.freeCount - 1)
      const frame = this.free[pick] ?? 0
      this.freeCount -= 1
      this.free[pick] = this.free[this.freeCount] ?? 0
      frames[i] = frame
    }
    const reservation: Reservation = { frames }
    this.reservations.add(reservation)
    return reservation
  }

  /** Gives frames back; once, further calls do nothing. */
  release(reservation: Reservation): void {
    if (!this.reservations.delete(reservation)) return
    this.free.set(reservation.frames, this.freeCount)
    this.freeCount += reservation.frames.length
  }
}

function megabytes(pages: number): string {
  return ((pages * PAGE_SIZE) / 2 ** 20).toFixed(1)
}
