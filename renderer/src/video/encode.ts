/**
 * Frames into a WebM file, one after the other as fast as they are drawn and encoded: time in the video is that of the
 * frames, whatever time that takes, and none is left out.
 */
import { BufferTarget, CanvasSource, canEncodeVideo, Output, Quality, WebMOutputFormat } from 'mediabunny'
import type { Sound } from '../../../engine/recording/read.ts'
import { LabError } from '../api/api.ts'
import { bytes } from '../data/format.ts'
import { frameCount, frameTime, type VideoPlan } from './plan.ts'
import { VoiceTrack } from './voice-track.ts'

/** As much as the desktop app saves in one file (electron/shell.ts). */
export const MOST_VIDEO_BYTES = 256 << 20

/** The better one first. */
const CODECS = ['vp9', 'vp8'] as const
export type Codec = (typeof CODECS)[number]

/** Bits a second of a picture that moves everywhere; one that stands still takes next to none. */
const BITS_PER_S = { '720': 2_500_000, '1080': 5_000_000 } as const
/** A player seeks to key frames. */
const KEY_FRAME_EVERY_S = 4

export interface Encoding {
  readonly plan: VideoPlan
  readonly canvas: HTMLCanvasElement
  /** Draws that moment into the canvas. */
  readonly paint: (t_ms: number) => Promise<void>
  /** Of the whole recording. */
  readonly sounds: readonly Sound[]
  /** So many frames are in the file. */
  readonly told: (frames: number) => void
  readonly signal: AbortSignal
}

/** The first codec that this browser can encode in that size; null: it has no encoder for any. */
export async function codecFor({ size: { id, width, height } }: Pick<VideoPlan, 'size'>): Promise<Codec | null> {
  if (typeof VideoEncoder === 'undefined') return null
  for (const codec of CODECS) {
    if (await canEncodeVideo(codec, { width, height, quality: quality(id) })) return codec
  }
  return null
}

const quality = (size: VideoPlan['size']['id']) => new Quality({ bitrate: BITS_PER_S[size] })

/** @throws LabError `video.no-encoder`, `video.too-large`, `video.failed`; the signal's reason where it was cancelled */
export async function encodeVideo({ plan, canvas, paint, sounds, told, signal }: Encoding): Promise<Blob> {
  const codec = await codecFor(plan)
  if (codec === null) throw noEncoder()
  const target = new BufferTarget()
  const output = new Output({ format: new WebMOutputFormat(), target })
  let size_B = 0
  const source = new CanvasSource(canvas, {
    codec,
    quality: quality(plan.size.id),
    keyFrameInterval: KEY_FRAME_EVERY_S,
    latencyMode: 'quality',
    contentHint: 'text',
    onEncodedPacket: ({ byteLength }) => void (size_B += byteLength),
  })
  output.addVideoTrack(source, { frameRate: plan.frames_Hz })
  try {
    const voice = await VoiceTrack.open(output, sounds, plan.range)
    await output.start()
    const frames = frameCount(plan)
    for (let frame = 0; frame < frames; frame++) {
      signal.throwIfAborted()
      if (size_B > MOST_VIDEO_BYTES) throw tooLarge(frame, frames)
      await paint(frameTime(plan, frame))
      await voice?.until((frame + 1) / plan.frames_Hz)
      await source.add(frame / plan.frames_Hz, 1 / plan.frames_Hz)
      told(frame + 1)
      await turn()
    }
    await output.finalize()
    if (target.buffer === null) throw new Error('The file was not finished.')
    if (target.buffer.byteLength > MOST_VIDEO_BYTES) throw tooLarge(frames, frames)
    return new Blob([target.buffer], { type: 'video/webm' })
  } catch (thrown) {
    await output.cancel().catch(() => undefined)
    if (signal.aborted || thrown instanceof LabError) throw thrown
    throw failed(thrown)
  }
}

/** Lets the window do what else it has to do. A timer would wait a second where the window is hidden. */
function turn(): Promise<void> {
  const { port1, port2 } = new MessageChannel()
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}

const noEncoder = () =>
  new LabError(
    'video.no-encoder',
    'This browser has no encoder for VP9 or VP8 video (WebCodecs). The recording is as it was. Open it in Chromium or in the desktop app, and export it there.',
  )

const tooLarge = (frame: number, frames: number) =>
  new LabError(
    'video.too-large',
    `The video would be larger than ${bytes(MOST_VIDEO_BYTES)}: that was reached at frame ${frame} of ${frames}. The recording is as it was. Export a shorter range, a smaller picture, or fewer frames a second.`,
  )

const failed = (thrown: unknown) =>
  new LabError(
    'video.failed',
    `The video could not be made: ${thrown instanceof Error ? thrown.message : String(thrown)}. The recording is as it was. Try a smaller picture, or a shorter range.`,
  )
