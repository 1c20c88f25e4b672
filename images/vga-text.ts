/**
 * The VGA's 80×25 colour text mode (mode 3), as the list of port writes a video BIOS would make.
 * Without firmware nobody else sets it, and neither Linux's console nor ours programs the CRT controller.
 * The register values are IBM's for mode 3 at 720×400, 9×16 characters.
 */

export const VGA_TEXT_COLUMNS = 80
export const VGA_TEXT_ROWS = 25

/** One 8-bit write; `read` marks a port to read instead (port 0x3DA resets the attribute controller's flip-flop). */
export interface PortAccess {
  readonly port: number
  readonly value: number
  readonly read?: true
}

const MISCELLANEOUS = 0x67
const SEQUENCER = [0x03, 0x00, 0x03, 0x00, 0x02]
const CRTC = [
  0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f,
  0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
]
const GRAPHICS = [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff]
const ATTRIBUTE = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f,
  0x08, 0x00,
]

/** The port accesses that set mode 3, in order. */
export function vgaTextMode(): PortAccess[] {
  const list: PortAccess[] = []
  const write = (port: number, value: number): void => void list.push({ port, value })
  const indexed = (port: number, values: readonly number[]): void =>
    values.forEach((value, index) => {
      write(port, index)
      write(port + 1, value)
    })

  write(0x3c2, MISCELLANEOUS)
  indexed(0x3c4, SEQUENCER)
  write(0x3d4, 0x11) // unlock CRTC registers 0–7
  write(0x3d5, 0x0e)
  indexed(0x3d4, CRTC)
  indexed(0x3ce, GRAPHICS)

  // 64 EGA colours, two bits per channel: rgbRGB, low bits weigh two thirds
  write(0x3c6, 0xff)
  write(0x3c8, 0)
  for (let colour = 0; colour < 64; colour++) {
    for (const bit of [2, 1, 0]) write(0x3c9, ((colour >> bit) & 1) * 42 + ((colour >> (bit + 3)) & 1) * 21)
  }

  list.push({ port: 0x3da, value: 0, read: true })
  ATTRIBUTE.forEach((value, index) => {
    write(0x3c0, index)
    write(0x3c0, value)
  })
  write(0x3c0, 0x20) // screen on
  return list
}
