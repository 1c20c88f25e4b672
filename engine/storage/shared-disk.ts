/**
 * A shared disk: the bytes that every host can reach, so that a migration need not carry them. It lives in a
 * `SharedArrayBuffer`; all machines that are given the buffer see the same sectors. Who may write is not decided
 * here but by the lease (`lease.ts`).
 */
import { FerryError } from '../util/errors.ts'

export const SECTOR_BYTES = 512
const MIB = 1024 * 1024
/** Largest disk: 1 GiB, since it is held in memory. */
export const MAX_DISK_BYTES = 1024 * MIB

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

/** Cylinders, heads and sectors as an ATA disk of this size reports them (ATA-5, annex C: 16 heads, 63 sectors). */
export interface DiskGeometry {
  readonly sectors: number
  /** At most 16383; sectors beyond cylinders · heads · sectors per track are reached by number only. */
  readonly cylinders: number
  readonly heads: number
  readonly sectorsPerTrack: number
}

export class SharedDisk {
  readonly name: string
  /** What machines are given. */
  readonly buffer: SharedArrayBuffer
  readonly geometry: DiskGeometry

  /**
   * A disk of zeros.
   * @param bytes a multiple of 512, 512 to 1 GiB
   * Throws `storage.disk-name`, `storage.disk-size`, or `storage.out-of-memory`.
   */
  constructor(name: string, bytes: number) {
    if (!NAME.test(name)) {
      throw new FerryError(
        'storage.disk-name',
        `“${name}” cannot name a disk: use 1–63 letters, digits, “.”, “_” and “-”, beginning with a letter or digit.`,
        { name },
      )
    }
    if (!Number.isInteger(bytes) || bytes % SECTOR_BYTES !== 0 || bytes < SECTOR_BYTES || bytes > MAX_DISK_BYTES) {
      throw new FerryError(
        'storage.disk-size',
        `Disk ${name} cannot have ${bytes} bytes: the size is a multiple of ${SECTOR_BYTES}, at most 1 GiB.`,
        { name, bytes },
      )
    }
    this.name = name
    this.buffer = allocate(name, bytes)
    this.geometry = geometryOf(bytes / SECTOR_BYTES)
  }

  /** Size in bytes. */
  get bytes(): number {
    return this.buffer.byteLength
  }

  /**
   * A copy of `count` sectors from sector `first` on. Exact only while no machine writes to them. Throws
   * `storage.out-of-range`.
   */
  readSectors(first: number, count: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#view(first, count))
  }

  /** Writes whole sectors from sector `first` on. Throws `storage.out-of-range`, also for a part of a sector. */
  writeSectors(first: number, data: Uint8Array): void {
    this.#view(first, data.length / SECTOR_BYTES).set(data)
  }

  /** A copy of the whole disk, for a file. Exact only while no machine writes to it. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.readSectors(0, this.geometry.sectors)
  }

  #view(first: number, count: number): Uint8Array<SharedArrayBuffer> {
    const whole = Number.isInteger(first) && Number.isInteger(count) && first >= 0 && count >= 0
    if (!whole || first + count > this.geometry.sectors) {
      throw new FerryError(
        'storage.out-of-range',
        `Disk ${this.name} has ${this.geometry.sectors} sectors; ${count} from sector ${first} on are not all in it.`,
        { name: this.name, first, count, sectors: this.geometry.sectors },
      )
    }
    return new Uint8Array(this.buffer, first * SECTOR_BYTES, count * SECTOR_BYTES)
  }
}

/** A disk with the content of an image file. Throws as the constructor does; an image is never padded silently. */
export function diskFromBytes(name: string, image: Uint8Array): SharedDisk {
  const disk = new SharedDisk(name, image.length)
  disk.writeSectors(0, image)
  return disk
}

function geometryOf(sectors: number): DiskGeometry {
  const heads = 16
  const sectorsPerTrack = 63
  const cylinders = Math.max(1, Math.min(16383, Math.floor(sectors / (heads * sectorsPerTrack))))
  return { sectors, cylinders, heads, sectorsPerTrack }
}

function allocate(name: string, bytes: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(bytes)
  } catch (cause) {
    throw new FerryError(
      'storage.out-of-memory',
      `There is not enough memory for disk ${name} (${bytes} bytes).`,
      { name, bytes },
      cause,
    )
  }
}
