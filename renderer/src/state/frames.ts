/** The frames of this window. */
import type { Frames } from './pace.ts'

export const FRAMES: Frames = {
  request: (draw) => requestAnimationFrame(draw),
  cancel: (frame) => cancelAnimationFrame(frame),
}
