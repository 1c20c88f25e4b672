/**
 * Ethernet frames over a stream, as QEMU's `-netdev stream` carries them: each with its length in front (net/stream.c,
 * net/net.c of QEMU, `net_fill_rstate`: 32 bits, big-endian).
 */
import { FerryError } from '../util/errors.ts'

const LENGTH_BYTES = 4
/** QEMU's own limit is 68 kB (NET_BUFSIZE); an Ethernet frame needs less. */
const MAX_FRAME_BYTES = 69 * 1024

/** Takes frames out of a stream. */
export class FrameReader {
  #open: Buffer = Buffer.alloc(0)

  /** @returns the frames that are complete by now @throws FerryError `qemu.frame` on a length that no frame has */
  feed(bytes: Buffer): Buffer[] {
    this.#open = this.#open.length === 0 ? bytes : Buffer.concat([this.#open, bytes])
    const frames: Buffer[] = []
    while (this.#open.length >= LENGTH_BYTES) {
      const length = this.#open.readUInt32BE(0)
      if (length > MAX_FRAME_BYTES)
        throw new FerryError('qemu.frame', 'QEMU sent a frame that is too long.', { length })
      if (this.#open.length < LENGTH_BYTES + length) break
      frames.push(this.#open.subarray(LENGTH_BYTES, LENGTH_BYTES + length))
      this.#open = this.#open.subarray(LENGTH_BYTES + length)
    }
    return frames
  }
}

/** A frame as it travels. */
export function withLength(frame: Uint8Array): Buffer {
  const out = Buffer.alloc(LENGTH_BYTES + frame.length)
  out.writeUInt32BE(frame.length, 0)
  out.set(frame, LENGTH_BYTES)
  return out
}
