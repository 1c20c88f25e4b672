/** A stretch of a recording as a video: a canvas that nobody sees, drawn moment by moment and encoded. */
import type { Annotations } from '../../../engine/recording/entries.ts'
import type { RecordingModel } from '../replay/model.ts'
import { encodeVideo } from './encode.ts'
import { FramePainter } from './frame.ts'
import { looksNow } from './looks.ts'
import type { VideoPlan } from './plan.ts'
import { Scenes } from './scene.ts'

export interface Wanted {
  readonly model: RecordingModel
  readonly title: string
  readonly annotations: Annotations
  readonly plan: VideoPlan
  readonly signal: AbortSignal
  /** So many frames are done. */
  readonly told: (frames: number) => void
}

/** In the window's colours of now. @throws LabError `video.*`; the signal's reason where it was cancelled */
export async function makeVideo({ model, title, annotations, plan, signal, told }: Wanted): Promise<Blob> {
  const canvas = document.createElement('canvas')
  canvas.width = plan.size.width
  canvas.height = plan.size.height
  const painter = await FramePainter.open(canvas, model, new Scenes(model, title, annotations), looksNow())
  try {
    return await encodeVideo({
      plan,
      canvas,
      paint: (t) => painter.paint(t),
      sounds: model.recording.sounds,
      told,
      signal,
    })
  } finally {
    painter.close()
  }
}
