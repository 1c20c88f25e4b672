/**
 * QEMU's video memory as it was sent last, and what it is in our machines' terms. Between two captures it hardly ever changes,
 * and to rearrange it takes milliseconds in which a guest may stand still: so that is done only where it did.
 */
import { unpackVideo, videoArrangement, type VideoMemory } from '../hypervisors/qemu/device-memory.ts'
import { videoBytes } from '../hypervisors/qemu/machine-arguments.ts'
import { PAGE_SIZE } from '../vmstate/blocks.ts'
import type { Vga } from '../vmstate/devices.ts'
import { isZero } from '../vmstate/zero-pages.ts'

export class VideoMirror {
  readonly #bytes: Buffer
  readonly #vgaBytes: number
  /** The mode that it was rearranged for last, with its bytes as they are; null: it changed since. */
  #arranged: string | null = null

  /** @param vgaBytes of our frame buffer */
  constructor(vgaBytes: number) {
    this.#vgaBytes = vgaBytes
    this.#bytes = Buffer.alloc(videoBytes(vgaBytes))
  }

  /** A page as QEMU has it; null: zeros. */
  page(page: number, bytes: Uint8Array | null): void {
    const from = page * PAGE_SIZE
    if (bytes === null) {
      if (isZero(this.#bytes, from)) return
      this.#bytes.fill(0, from, from + PAGE_SIZE)
    } else {
      if (this.#bytes.compare(bytes, 0, PAGE_SIZE, from, from + PAGE_SIZE) === 0) return
      this.#bytes.set(bytes, from)
    }
    this.#arranged = null
  }

  /**
   * @param vga the mode, which says what the bytes are
   * @returns our memories; null where they are as they were returned last
   */
  unpack(vga: Vga): VideoMemory | null {
    const arrangement = videoArrangement(vga)
    if (arrangement === this.#arranged) return null
    const memory = unpackVideo(vga, this.#bytes, this.#vgaBytes)
    this.#arranged = arrangement
    return memory
  }

  /** The next `unpack` returns everything. */
  forget(): void {
    this.#arranged = null
  }
}
