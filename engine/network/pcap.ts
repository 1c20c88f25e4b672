/**
 * The classic capture file format, which Wireshark and tcpdump open (draft-ietf-opsawg-pcap, "PCAP Capture File
 * Format"): a file header, then every frame behind a header of its own. Little-endian, microseconds, Ethernet.
 */
import { joined } from '../util/bytes.ts'
import { record, s32, u16, u32 } from '../util/record.ts'
import { ETHERNET_MAX_BYTES } from './ethernet.ts'

const fileHeader = record('pcap file', 'le', {
  magic: u32,
  versionMajor: u16,
  versionMinor: u16,
  reserved1: s32,
  reserved2: u32,
  snapLength: u32,
  linkType: u32,
})
const frameHeader = record('pcap frame', 'le', {
  seconds: u32,
  microseconds: u32,
  capturedBytes: u32,
  originalBytes: u32,
})
/** Microsecond resolution. */
const MAGIC = 0xa1b2c3d4
const LINKTYPE_ETHERNET = 1

/** Bytes that a frame of this length takes in the file. */
export function pcapFrameBytes(length: number): number {
  return frameHeader.bytes + length
}

/** The 24 bytes that the file begins with. */
export function pcapFileHeader(): Uint8Array<ArrayBuffer> {
  return fileHeader.encode({
    magic: MAGIC,
    versionMajor: 2,
    versionMinor: 4,
    reserved1: 0,
    reserved2: 0,
    snapLength: ETHERNET_MAX_BYTES,
    linkType: LINKTYPE_ETHERNET,
  })
}

/**
 * A frame with its header; may be appended to a file that is being written.
 * @param atMs milliseconds since 1970 (`nowMs()`); written in microseconds, cut off
 */
export function pcapFrame(frame: Uint8Array, atMs: number): Uint8Array<ArrayBuffer> {
  const microseconds = Math.floor(atMs * 1000)
  const out = new Uint8Array(pcapFrameBytes(frame.length))
  out.set(
    frameHeader.encode({
      seconds: Math.floor(microseconds / 1e6),
      microseconds: microseconds % 1e6,
      capturedBytes: frame.length,
      originalBytes: frame.length,
    }),
  )
  out.set(frame, frameHeader.bytes)
  return out
}

/** A whole file. */
export function pcapFile(
  frames: Iterable<{ readonly frame: Uint8Array; readonly atMs: number }>,
): Uint8Array<ArrayBuffer> {
  const parts = [pcapFileHeader()]
  for (const { frame, atMs } of frames) parts.push(pcapFrame(frame, atMs))
  return joined(parts)
}
