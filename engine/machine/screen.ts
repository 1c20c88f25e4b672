/** The guest's screen as a value: rows of text, or pixels. On the vCPU thread. */
import type { Emulator } from './emulator.ts'
import type { ScreenImage } from './machine.ts'
import { refreshVga } from './state/vga.ts'
import type { ScreenLayer } from './v86/types.ts'

/** v86 draws into ImageData, which Node lacks; a plain holder of the same shape serves. */
class PixelHolder {
  readonly data: Uint8ClampedArray
  readonly width: number
  readonly height: number
  constructor(data: Uint8ClampedArray, width: number, height: number) {
    this.data = data
    this.width = width
    this.height = height
  }
}
Object.assign(globalThis, { ImageData: (globalThis as { ImageData?: unknown }).ImageData ?? PixelHolder })

export class Screen {
  readonly #emulator: Emulator
  /** Registers or memory were loaded behind v86's back: its picture must be made anew. */
  #stale = false
  #layers: ScreenLayer[] = []

  constructor(emulator: Emulator) {
    this.#emulator = emulator
    emulator.cpu.devices.vga.screen.update_buffer = (layers) => {
      this.#layers = layers
    }
  }

  markStale(): void {
    this.#stale = true
  }

  image(): ScreenImage {
    const { vga } = this.#emulator.cpu.devices
    if (this.#stale) {
      this.#stale = false
      refreshVga(this.#emulator)
    }
    if (!vga.graphical_mode) {
      return { kind: 'text', columns: vga.max_cols, rows: vga.max_rows, lines: vga.screen.get_text_screen() }
    }
    this.#layers = []
    vga.complete_redraw()
    vga.screen_fill_buffer()
    const width = vga.screen_width
    const height = vga.screen_height
    const rgba = new Uint8ClampedArray(width * height * 4)
    for (const layer of this.#layers) draw(layer, rgba, width, height)
    return { kind: 'graphics', width, height, rgba }
  }
}

/** Copies the part of a layer's image that shows, clipped to the screen. */
function draw(layer: ScreenLayer, rgba: Uint8ClampedArray, width: number, height: number): void {
  const { image_data: image, buffer_x: x, buffer_y: y, screen_x, screen_y } = layer
  const columns = Math.min(layer.buffer_width, width - screen_x, image.width - x)
  const rows = Math.min(layer.buffer_height, height - screen_y, image.height - y)
  for (let row = 0; row < rows && columns > 0; row++) {
    const from = ((y + row) * image.width + x) * 4
    rgba.set(image.data.subarray(from, from + columns * 4), ((screen_y + row) * width + screen_x) * 4)
  }
}
