/** A capture: a tap on a switch that keeps what passes, up to a limit, for a pcap file. */
import { pcapFile, pcapFrameBytes } from './pcap.ts'
import type { Switch } from './switch.ts'

/** 64 MiB of file. */
export const DEFAULT_CAPTURE_BYTES = 64 * 1024 * 1024

export class Capture {
  readonly #frames: { readonly frame: Uint8Array; readonly atMs: number; readonly port: string }[] = []
  readonly #untap: () => void
  #bytes = 0
  #missed = 0

  /** Begins at once. Frames that would make the file longer than `maxBytes` are counted, not kept. */
  constructor(network: Switch, maxBytes: number = DEFAULT_CAPTURE_BYTES) {
    this.#untap = network.tap((frame, port, atMs) => {
      const size = pcapFrameBytes(frame.length)
      if (this.#bytes + size > maxBytes) {
        this.#missed++
        return
      }
      this.#bytes += size
      this.#frames.push({ frame, atMs, port })
    })
  }

  /** What was kept, in the order in which it entered the switch, with the port where it did. */
  get frames(): readonly { readonly frame: Uint8Array; readonly atMs: number; readonly port: string }[] {
    return this.#frames
  }

  /** Frames that passed after the limit was reached. */
  get missed(): number {
    return this.#missed
  }

  /** Ends the capture. Idempotent. */
  stop(): void {
    this.#untap()
  }

  /** The capture so far as a pcap file. */
  toFile(): Uint8Array<ArrayBuffer> {
    return pcapFile(this.#frames)
  }
}
