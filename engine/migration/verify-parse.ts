/**
 * The parsing half of `verify-stream.ts`: recording → frames. Written from PROTOCOL.md and not from `protocol/`, so
 * that a mistake in the one is not repeated in the other.
 */
import { crc32 } from 'node:zlib'

export interface ParsedFrame {
  /** Offset in the bytes of its direction. */
  readonly at: number
  readonly type: number
  readonly optional: boolean
  readonly stage: number
  readonly payload: Buffer
}

export interface ParsedStream {
  readonly frames: readonly ParsedFrame[]
  readonly bytes: number
  /** What is wrong with the framing; reading stops there. */
  readonly problem: string | null
}

export interface ParsedRecording {
  readonly forward: Buffer
  readonly backward: Buffer
  readonly problem: string | null
}

/** Splits a recording into the bytes of each direction. */
export function parseRecording(file: Uint8Array): ParsedRecording {
  const buffer = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  const directions: [Buffer[], Buffer[]] = [[], []]
  const done = (problem: string | null): ParsedRecording => ({
    forward: Buffer.concat(directions[0]),
    backward: Buffer.concat(directions[1]),
    problem,
  })
  if (buffer.length < 16 || buffer.toString('latin1', 0, 8) !== 'FERRYREC') return done('This is no Ferry recording.')
  if (buffer.readUInt32LE(8) !== 1) return done(`The recording has version ${buffer.readUInt32LE(8)}; 1 is known.`)
  let at = 16
  while (at < buffer.length) {
    if (at + 16 > buffer.length) return done('The recording ends within the head of a record.')
    const direction = buffer.readUInt8(at)
    const length = buffer.readUInt32LE(at + 4)
    if (direction > 1) return done(`A record names direction ${direction}.`)
    if (at + 16 + length > buffer.length) return done('The recording ends within a record.')
    directions[direction as 0 | 1].push(buffer.subarray(at + 16, at + 16 + length))
    at += 16 + length
  }
  return done(null)
}

/** Most bytes of a payload, any type. */
const MAX_PAYLOAD = 16 << 20

/** Cuts the bytes of one direction into frames; stops at the first that is wrong. */
export function parseFrames(bytes: Buffer): ParsedStream {
  const frames: ParsedFrame[] = []
  let at = 0
  let stage = 0
  const stop = (problem: string): ParsedStream => ({
    frames,
    bytes: bytes.length,
    problem: `At byte ${at}: ${problem}`,
  })
  while (at < bytes.length) {
    if (at + 24 > bytes.length) return stop('the stream ends within a header.')
    const head = bytes.subarray(at, at + 24)
    if (head.toString('latin1', 0, 4) !== 'FRRY') return stop('there is no frame.')
    if (crc32(head.subarray(0, 20)) !== head.readUInt32LE(20)) return stop('the CRC of the header is wrong.')
    if (head[4] !== 1) return stop(`protocol version ${head[4]}.`)
    const type = head[5] ?? 0
    const flags = head[6] ?? 0
    if (type === 0) return stop('message number 0.')
    if (flags > 1) return stop('reserved flags are set.')
    const frameStage = head[7] ?? 0
    if (frameStage > 5) return stop(`stage ${frameStage}.`)
    if (frameStage < stage) return stop(`stage ${frameStage} after stage ${stage}.`)
    stage = frameStage
    const sequence = head.readUInt32LE(8)
    if (sequence !== frames.length) return stop(`frame number ${sequence} in place of ${frames.length}.`)
    const length = head.readUInt32LE(12)
    if (length > MAX_PAYLOAD) return stop(`a payload of ${length} bytes.`)
    if (at + 24 + length > bytes.length) return stop('the stream ends within a payload.')
    const payload = bytes.subarray(at + 24, at + 24 + length)
    if (crc32(payload) !== head.readUInt32LE(16)) return stop('the CRC of the payload is wrong.')
    frames.push({ at, type, optional: flags === 1, stage, payload })
    at += 24 + length
  }
  return { frames, bytes: bytes.length, problem: null }
}
