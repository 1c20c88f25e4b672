/** A frame of a video: all parts of a scene, drawn one over the other. */
import type { RecordingModel } from '../replay/model.ts'
import { ConsoleScreen } from './console-screen.ts'
import { GuestDrawing } from './draw-guest.ts'
import { drawHosts } from './draw-hosts.ts'
import { drawRun } from './draw-run.ts'
import { CAPTION, CONSOLE_GRID, HEAD, SHEET, TIMELINE } from './layout.ts'
import type { Looks } from './looks.ts'
import { Pen } from './pen.ts'
import { guestAt, type Scene, type Scenes } from './scene.ts'

/** A caption is no page of a book. */
const MOST_CAPTION_LINES = 4
const CAPTION_TYPE = 20
const CAPTION_LINE = 27

export class FramePainter {
  readonly #pen: Pen
  readonly #scenes: Scenes
  readonly #model: RecordingModel
  readonly #console: ConsoleScreen
  readonly #guest: GuestDrawing

  private constructor(pen: Pen, model: RecordingModel, scenes: Scenes, console: ConsoleScreen) {
    this.#pen = pen
    this.#model = model
    this.#scenes = scenes
    this.#console = console
    this.#guest = new GuestDrawing(pen)
  }

  /** @param canvas of the video's size, whose sides are as 16 to 9 */
  static async open(
    canvas: HTMLCanvasElement,
    model: RecordingModel,
    scenes: Scenes,
    looks: Looks,
  ): Promise<FramePainter> {
    const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true })
    if (context === null) throw new Error('This browser draws nothing into a canvas.')
    const scale = canvas.height / SHEET.h
    context.setTransform(scale, 0, 0, scale, 0, 0)
    const console = await ConsoleScreen.open(CONSOLE_GRID.columns, CONSOLE_GRID.rows)
    return new FramePainter(new Pen(context, looks), model, scenes, console)
  }

  /** The moment `t`, milliseconds since the recording began. */
  async paint(t: number): Promise<void> {
    const scene = this.#scenes.at(t)
    const id = guestAt(this.#model, t)?.id
    const terminal = id === undefined || scene.guest === null ? null : await this.#console.at(id, scene.guest.console)
    const pen = this.#pen
    pen.box({ x: 0, y: 0, ...SHEET }, { fill: pen.looks.background })
    drawHead(pen, scene)
    drawHosts(pen, scene, t)
    drawRun(pen, scene.run)
    this.#guest.draw(scene.guest, terminal)
    drawTimeline(pen, scene)
    drawCaptions(pen, scene.captions)
  }

  close(): void {
    this.#console.close()
  }
}

function drawHead(pen: Pen, { title, chapter, time, length, moment }: Scene): void {
  const { looks } = pen
  pen.box(HEAD, { fill: looks.surface })
  pen.line(0, HEAD.h - 0.5, HEAD.w, HEAD.h - 0.5, looks.line)
  const right = HEAD.w - 16
  const total = ` / ${length}`
  const small = { size: 12, colour: looks.text2 } as const
  const totalWidth = pen.text(total, right, 28, { ...small, align: 'right' })
  const timeWidth = pen.text(time, right - totalWidth, 28, { size: 20, weight: 600, align: 'right' })
  const left = right - totalWidth - timeWidth
  const momentWidth = pen.text(moment, left - 20, 28, { ...small, align: 'right' })
  const room = left - momentWidth - 60
  const wide = pen.text(title, 16, 28, { size: 16, weight: 600, max: room * 0.6 })
  if (chapter !== null) pen.text(chapter.title, 16 + wide + 16, 28, { ...small, size: 13, max: room - wide - 16 })
}

function drawTimeline(pen: Pen, { timeline }: Scene): void {
  const { looks } = pen
  const { x, y, w, h } = TIMELINE
  pen.box(TIMELINE, { fill: looks.surface2, stroke: looks.line, radius: 4 })
  pen.clipped(TIMELINE, () => {
    for (const { from, to, title, current } of timeline.chapters) {
      const box = { x: x + from * w, y: y + 3, w: Math.max(4, (to - from) * w), h: h - 6 }
      pen.box(box, { fill: looks.surface, stroke: current ? looks.accent : looks.lineStrong, radius: 4 })
      const weight = current ? 600 : 400
      if (box.w > 40) pen.text(title, box.x + 6, y + 16, { size: 11, weight, max: box.w - 12 })
    }
  })
  pen.box({ x: x + timeline.now * w - 1, y: y - 2, w: 2, h: h + 4 }, { fill: looks.text })
}

/** Subtitles lie over whatever is shown, in both themes, as in the player. */
function drawCaptions(pen: Pen, captions: readonly string[]): void {
  let bottom = CAPTION.bottom
  for (const caption of [...captions].reverse()) {
    const style = { size: CAPTION_TYPE, colour: '#fff', align: 'center' } as const
    const lines = pen.wrapped(caption, CAPTION.w - 40, style, MOST_CAPTION_LINES)
    const width = Math.max(...lines.map((line) => pen.width(line, style))) + 32
    const height = lines.length * CAPTION_LINE + 12
    pen.box(
      { x: CAPTION.x - width / 2, y: bottom - height, w: width, h: height },
      { fill: 'rgb(10 16 22 / 88%)', radius: 6 },
    )
    lines.forEach((line, i) => pen.text(line, CAPTION.x, bottom - height + 26 + i * CAPTION_LINE, style))
    bottom -= height + 6
  }
}
