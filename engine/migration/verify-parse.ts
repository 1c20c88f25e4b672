/**
 * The parsing half of `verify-stream.ts`: recording → frames. Written from PROTOCOL.md and not from `protocol/`, so
 * that a mistake in the one is not repeated in the other.
 */
import { crc32 } from 'node:zlib'

export interface ParsedFrame {
  /** Number of the connection in the recording. */
  readonly connection: number
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
  /** The problem is that a frame is not whole: as where a connection was cut. */
  readonly truncated: boolean
}

/** The bytes of each direction of one connection. */
export interface ParsedConnection {
  readonly number: number
  readonly forward: Buffer
  readonly backward: Buffer
}

export interface ParsedRecording {
  /** In the order in which they were opened; the first is the migration's own, which is always there. */
  readonly connections: readonly ParsedConnection[]
  readonly problem: string | null
}

/** Splits a recording into its connections, and each of them into its directions. */
export function parseRecording(file: Uint8Array): ParsedRecording {
  const buffer = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  const found = new Map<number, [Buffer[], Buffer[]]>([[0, [[], []]]])
  const done = (problem: string | null): ParsedRecording => ({
    connections: [...found]
      .sort(([a], [b]) => a - b)
      .map(([number, [to, from]]) => ({ number, forward: Buffer.concat(to), backward: Buffer.concat(from) })),
    problem,
  })
  if (buffer.length < 16 || buffer.toString('latin1', 0, 8) !== 'FERRYREC') return done('This is no Ferry recording.')
  if (buffer.readUInt32LE(8) !== 1) return done(`The recording has version ${buffer.readUInt32LE(8)}; 1 is known.`)
  let at = 16
  while (at < buffer.length) {
    if (at + 16 > buffer.length) return done('The recording ends within the head of a record.')
    const direction = buffer.readUInt8(at)
    const connection = buffer.readUIntLE(at + 1, 3)
    const length = buffer.readUInt32LE(at + 4)
    if (direction > 1) return done(`A record names direction ${direction}.`)
    if (at + 16 + length > buffer.length) return done('The recording ends within a record.')
    const directions = found.get(connection) ?? [[], []]
    found.set(connection, directions)
    directions[direction as 0 | 1].push(buffer.subarray(at + 16, at + 16 + length))
    at += 16 + length
  }
  return done(null)
}

/** Most bytes of a payload, any type. */
const MAX_PAYLOAD = 16 << 20

/** Cuts the bytes of one direction into frames; stops at the first that is wrong. */
export function parseFrames(bytes: Buffer, connection = 0): ParsedStream {
  const frames: ParsedFrame[] = []
  let at = 0
  let stage = 0
  const stop = (problem: string, truncated = false): ParsedStream => ({
    frames,
    bytes: bytes.length,
    problem: `At byte ${at}: ${problem}`,
    truncated,
  })
  while (at < bytes.length) {
    if (at + 24 > bytes.length) return stop('the stream ends within a header.', true)
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
    if (at + 24 + length > bytes.length) return stop('the stream ends within a payload.', true)
    const payload = bytes.subarray(at + 24, at + 24 + length)
    if (crc32(payload) !== head.readUInt32LE(16)) return stop('the CRC of the payload is wrong.')
    frames.push({ connection, at, type, optional: flags === 1, stage, payload })
    at += 24 + length
  }
  return { frames, bytes: bytes.length, problem: null, truncated: false }
}
