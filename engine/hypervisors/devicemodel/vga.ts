/** Standard VGA with Bochs VBE as QEMU saves it: vmstate `vga` version 2. Video memory is a memory block. */
import { array, bytes, record, s32, u16, u32, u8 } from '../../util/record.ts'
import type { Vga } from '../../vmstate/devices.ts'
import type { NotRepresentable } from '../hypervisor.ts'
import type { NativeReader, NativeWriter } from '../records.ts'

/** Index of the VBE registers (Bochs VBE interface). */
const VBE = { id: 0, xres: 1, yres: 2, bpp: 3, enable: 4, bank: 5, virtWidth: 6, virtHeight: 7, x: 8, y: 9 } as const
const VBE_REGISTERS = 10
const VBE_ID = 0xb0c5
const BANK_BYTES = 0x10000
/** DAC state in which the palette is read. */
const DAC_READ = 3

export const vga = record('vga', 'be', {
  latch: u32,
  sr_index: u8,
  sr: bytes(8),
  gr_index: u8,
  gr: bytes(16),
  ar_index: u8,
  ar: bytes(21),
  ar_flip_flop: s32,
  cr_index: u8,
  cr: bytes(256),
  msr: u8,
  fcr: u8,
  st00: u8,
  st01: u8,
  dac_state: u8,
  dac_sub_index: u8,
  dac_read_index: u8,
  dac_write_index: u8,
  dac_cache: bytes(3),
  /** 8 bits a colour, as with VBE's 8-bit DAC. */
  palette: bytes(768),
  bank_offset: s32,
  is_vbe_vmstate: u8,
  vbe_index: u16,
  vbe_regs: array(u16, VBE_REGISTERS),
  vbe_start_addr: u32,
  vbe_line_offset: u32,
  vbe_bank_mask: u32,
})

export const vgaLayouts = [vga] as const

const missing = (path: string, reason: string): NotRepresentable => ({ section: 'vga', path, reason })
const DAC_REASON = 'QEMU has one position within a colour for reads and writes together.'
const DISPLAY_REASON = 'QEMU finds the mode of the display anew from the registers.'
export const vgaNotRepresentable: readonly NotRepresentable[] = [
  missing('startAddressLatched', 'QEMU shows the start address of the CRTC registers at once, without a latch.'),
  missing('dacMask', "QEMU's DAC has no pixel mask."),
  missing('dacReadIndex', DAC_REASON),
  missing('dacWriteIndex', DAC_REASON),
  missing('graphicsMode', DISPLAY_REASON),
  missing('columns', DISPLAY_REASON),
  missing('rows', DISPLAY_REASON),
]

function widen(source: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size)
  out.set(source)
  return out
}

/** Writes the VGA's registers. */
export function packVga(out: NativeWriter, v: Vga): void {
  const regs = new Array<number>(VBE_REGISTERS).fill(0)
  regs[VBE.id] = VBE_ID
  regs[VBE.xres] = v.vbeWidth
  regs[VBE.yres] = v.vbeHeight
  regs[VBE.bpp] = v.vbeBpp
  regs[VBE.enable] = v.vbeEnable
  regs[VBE.bank] = v.vbeBank
  regs[VBE.virtWidth] = v.vbeWidth
  regs[VBE.virtHeight] = v.vbeHeight
  regs[VBE.x] = v.vbeOffsetX
  regs[VBE.y] = v.vbeOffsetY
  out.put(vga, {
    latch: v.latch,
    sr_index: v.sequencerIndex,
    sr: widen(v.sequencer, 8),
    gr_index: v.graphicsIndex,
    gr: widen(v.graphics, 16),
    ar_index: v.attributeIndex,
    ar: v.attribute,
    ar_flip_flop: v.attributeFlipFlop ? 1 : 0,
    cr_index: v.crtcIndex,
    cr: widen(v.crtc, 256),
    msr: v.miscOutput,
    fcr: 0,
    st00: 0,
    st01: v.status1,
    dac_state: v.dacState,
    dac_sub_index: (v.dacState === DAC_READ ? v.dacReadIndex : v.dacWriteIndex) % 3,
    dac_read_index: Math.floor(v.dacReadIndex / 3),
    dac_write_index: Math.floor(v.dacWriteIndex / 3),
    dac_cache: new Uint8Array(3),
    palette: v.palette,
    bank_offset: v.vbeBank * BANK_BYTES,
    is_vbe_vmstate: 1,
    vbe_index: v.vbeIndex,
    vbe_regs: regs,
    vbe_start_addr: 0,
    vbe_line_offset: 0,
    vbe_bank_mask: 0,
  })
}

/** Reads the VGA's registers. */
export function unpackVga(input: NativeReader): Vga {
  const v = input.one(vga)
  const regs = v.vbe_regs
  const reading = v.dac_state === DAC_READ
  return {
    miscOutput: v.msr,
    sequencerIndex: v.sr_index,
    sequencer: v.sr.slice(0, 5),
    graphicsIndex: v.gr_index,
    graphics: v.gr.slice(0, 9),
    attributeIndex: v.ar_index,
    attributeFlipFlop: v.ar_flip_flop !== 0,
    attribute: v.ar,
    crtcIndex: v.cr_index,
    crtc: v.cr.slice(0, 25),
    startAddressLatched: 0,
    status1: v.st01,
    dacMask: 0,
    dacState: v.dac_state,
    dacReadIndex: v.dac_read_index * 3 + (reading ? v.dac_sub_index : 0),
    dacWriteIndex: v.dac_write_index * 3 + (reading ? 0 : v.dac_sub_index),
    palette: v.palette,
    latch: v.latch,
    vbeIndex: v.vbe_index,
    vbeEnable: regs[VBE.enable] ?? 0,
    vbeWidth: regs[VBE.xres] ?? 0,
    vbeHeight: regs[VBE.yres] ?? 0,
    vbeBpp: regs[VBE.bpp] ?? 0,
    vbeBank: regs[VBE.bank] ?? 0,
    vbeOffsetX: regs[VBE.x] ?? 0,
    vbeOffsetY: regs[VBE.y] ?? 0,
    graphicsMode: false,
    columns: 0,
    rows: 0,
  }
}
