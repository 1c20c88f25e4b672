/**
 * VGA between v86 and the common format. v86 splits some CRTC registers into the wide values that they are parts of;
 * here they are put together again as the guest wrote them (VGA registers: FreeVGA project, CRTC index 0x07, 0x09).
 */
import type { Vga } from '../../vmstate/devices.ts'
import type { Emulator } from '../emulator.ts'
import type { VgaDevice } from '../v86/types.ts'

const bit = (value: number, from: number, to: number): number => ((value >> from) & 1) << to

function crtcRegisters(vga: VgaDevice): Uint8Array<ArrayBuffer> {
  const crtc = new Uint8Array(25)
  crtc.set(vga.crtc.subarray(0, 25))
  crtc[0x01] = vga.horizontal_display_enable_end
  crtc[0x02] = vga.horizontal_blank_start
  crtc[0x07] =
    bit(vga.vertical_display_enable_end, 8, 1) |
    bit(vga.vertical_display_enable_end, 9, 6) |
    bit(vga.vertical_blank_start, 8, 3) |
    bit(vga.line_compare, 8, 4)
  crtc[0x08] = vga.preset_row_scan
  crtc[0x09] = vga.max_scan_line
  crtc[0x0a] = vga.cursor_scanline_start
  crtc[0x0b] = vga.cursor_scanline_end
  crtc[0x0c] = vga.start_address >> 8
  crtc[0x0d] = vga.start_address
  crtc[0x0e] = vga.cursor_address >> 8
  crtc[0x0f] = vga.cursor_address
  crtc[0x12] = vga.vertical_display_enable_end
  crtc[0x13] = vga.offset_register
  crtc[0x14] = vga.underline_location_register
  crtc[0x15] = vga.vertical_blank_start
  crtc[0x17] = vga.crtc_mode
  crtc[0x18] = vga.line_compare
  return crtc
}

function applyCrtcRegisters(vga: VgaDevice, crtc: Uint8Array): void {
  vga.crtc.set(crtc)
  vga.horizontal_display_enable_end = crtc[0x01]
  vga.horizontal_blank_start = crtc[0x02]
  vga.vertical_display_enable_end = crtc[0x12] | bit(crtc[0x07], 1, 8) | bit(crtc[0x07], 6, 9)
  vga.vertical_blank_start = crtc[0x15] | bit(crtc[0x07], 3, 8) | bit(crtc[0x09], 5, 9)
  vga.line_compare = crtc[0x18] | bit(crtc[0x07], 4, 8) | bit(crtc[0x09], 6, 9)
  vga.preset_row_scan = crtc[0x08]
  vga.max_scan_line = crtc[0x09]
  vga.cursor_scanline_start = crtc[0x0a]
  vga.cursor_scanline_end = crtc[0x0b]
  vga.start_address = (crtc[0x0c] << 8) | crtc[0x0d]
  vga.cursor_address = (crtc[0x0e] << 8) | crtc[0x0f]
  vga.offset_register = crtc[0x13]
  vga.underline_location_register = crtc[0x14]
  vga.crtc_mode = crtc[0x17]
}

export function captureVga(emulator: Emulator): Vga {
  const { vga } = emulator.cpu.devices
  const attribute = new Uint8Array(21)
  attribute.set(vga.dac_map.subarray(0, 16))
  attribute[0x10] = vga.attribute_mode
  attribute[0x12] = vga.color_plane_enable
  attribute[0x13] = vga.horizontal_panning
  attribute[0x14] = vga.color_select
  const palette = new Uint8Array(768)
  vga.vga256_palette.forEach((rgb, i) => {
    palette[3 * i] = rgb >> 16
    palette[3 * i + 1] = rgb >> 8
    palette[3 * i + 2] = rgb
  })
  return {
    miscOutput: vga.miscellaneous_output_register & 0xff,
    sequencerIndex: vga.sequencer_index & 0xff,
    sequencer: Uint8Array.of(
      0,
      vga.clocking_mode,
      vga.plane_write_bm,
      vga.character_map_select,
      vga.sequencer_memory_mode,
    ),
    graphicsIndex: vga.graphics_index & 0xff,
    graphics: Uint8Array.of(
      vga.planar_setreset,
      vga.planar_setreset_enable,
      vga.color_compare,
      vga.planar_rotate_reg,
      vga.plane_read,
      vga.planar_mode,
      vga.miscellaneous_graphics_register,
      vga.color_dont_care,
      vga.planar_bitmap,
    ),
    attributeIndex: (vga.attribute_controller_index < 0 ? 0 : vga.attribute_controller_index) | vga.palette_source,
    attributeFlipFlop: vga.attribute_controller_index >= 0,
    attribute,
    crtcIndex: vga.index_crtc,
    crtc: crtcRegisters(vga),
    startAddressLatched: vga.start_address_latched,
    status1: vga.port_3DA_value & 0xff,
    dacMask: vga.dac_mask,
    dacState: vga.dac_state,
    dacReadIndex: vga.dac_color_index_read,
    dacWriteIndex: vga.dac_color_index_write,
    palette,
    latch: vga.latch_dword >>> 0,
    vbeIndex: vga.dispi_index,
    vbeEnable: vga.dispi_enable_value,
    vbeWidth: vga.svga_width,
    vbeHeight: vga.svga_height,
    vbeBpp: vga.svga_bpp,
    vbeBank: vga.svga_bank_offset >>> 16,
    vbeOffsetX: vga.svga_offset_x,
    vbeOffsetY: vga.svga_offset_y,
    graphicsMode: vga.graphical_mode,
    columns: vga.max_cols,
    rows: vga.max_rows,
  }
}

/** An index register that was never written is −1 in v86. */
const index = (byte: number): number => (byte === 0xff ? -1 : byte)

/** Registers only. `refreshVga` makes the picture follow; it is slow and can wait until the guest runs. */
export function restoreVga(emulator: Emulator, state: Vga): void {
  const { vga } = emulator.cpu.devices
  vga.miscellaneous_output_register = state.miscOutput
  vga.sequencer_index = index(state.sequencerIndex)
  ;[, vga.clocking_mode, vga.plane_write_bm, vga.character_map_select, vga.sequencer_memory_mode] = state.sequencer
  vga.graphics_index = index(state.graphicsIndex)
  ;[
    vga.planar_setreset,
    vga.planar_setreset_enable,
    vga.color_compare,
    vga.planar_rotate_reg,
    vga.plane_read,
    vga.planar_mode,
    vga.miscellaneous_graphics_register,
    vga.color_dont_care,
    vga.planar_bitmap,
  ] = state.graphics
  vga.palette_source = state.attributeIndex & 0x20
  vga.attribute_controller_index = state.attributeFlipFlop ? state.attributeIndex & 0x1f : -1
  vga.dac_map.set(state.attribute.subarray(0, 16))
  vga.attribute_mode = state.attribute[0x10]
  vga.color_plane_enable = state.attribute[0x12]
  vga.horizontal_panning = state.attribute[0x13]
  vga.color_select = state.attribute[0x14]
  vga.index_crtc = state.crtcIndex
  applyCrtcRegisters(vga, state.crtc)
  vga.start_address_latched = state.startAddressLatched
  vga.port_3DA_value = state.status1
  vga.dac_mask = state.dacMask
  vga.dac_state = state.dacState
  vga.dac_color_index_read = state.dacReadIndex
  vga.dac_color_index_write = state.dacWriteIndex
  for (let i = 0; i < 256; i++) {
    const [red, green, blue] = state.palette.subarray(3 * i, 3 * i + 3)
    vga.vga256_palette[i] = (red << 16) | (green << 8) | blue
  }
  vga.latch_dword = state.latch | 0
  vga.dispi_index = state.vbeIndex
  vga.dispi_enable_value = state.vbeEnable
  vga.svga_width = state.vbeWidth
  vga.svga_height = state.vbeHeight
  vga.svga_bpp = state.vbeBpp
  vga.svga_bank_offset = state.vbeBank << 16
  vga.svga_offset_x = state.vbeOffsetX
  vga.svga_offset_y = state.vbeOffsetY
  vga.svga_offset = state.vbeOffsetY * state.vbeWidth + state.vbeOffsetX
  vga.svga_enabled = (state.vbeEnable & 1) !== 0 && state.vbeWidth > 0 && state.vbeHeight > 0
  vga.graphical_mode = state.graphicsMode
  vga.max_cols = state.columns
  vga.max_rows = state.rows
}

/** Makes v86's picture follow registers and memory that were written behind its back. Some milliseconds. */
export function refreshVga(emulator: Emulator): void {
  const { vga } = emulator.cpu.devices
  vga.screen.set_mode(vga.graphical_mode)
  vga.screen_width = 0
  vga.screen_height = 0
  if (!vga.graphical_mode) {
    vga.screen.clear_text_state()
    vga.set_font_bitmap(true)
    vga.set_size_text(vga.max_cols, vga.max_rows)
    vga.set_font_page()
    vga.update_cursor_scanline()
    vga.update_cursor()
  } else if (vga.svga_enabled) {
    vga.set_size_graphical(vga.svga_width, vga.svga_height, vga.svga_width, vga.svga_height, vga.svga_bpp)
    vga.update_layers()
  } else {
    vga.update_vga_size()
    vga.update_layers()
    vga.complete_replot()
  }
  vga.complete_redraw()
}
