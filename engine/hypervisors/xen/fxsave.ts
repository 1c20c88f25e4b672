/** The FXSAVE image in its 32-bit form (SDM 1, 10.5.1): 512 bytes, registers relative to the stack's top. */
import { array, bytes, pad, record, u16, u32, u8, within, type ValueOf } from '../../util/record.ts'
import type { Fpu } from '../../vmstate/cpu.ts'

export const fxsave = record('fxsave', 'le', {
  fcw: u16,
  fsw: u16,
  /** Abridged tag: 1 = valid. */
  ftw: u8,
  reserved_5: pad(1),
  fop: u16,
  fip: u32,
  fcs: u16,
  reserved_14: pad(2),
  fdp: u32,
  fds: u16,
  reserved_22: pad(2),
  mxcsr: u32,
  mxcsr_mask: u32,
  st: array(within(bytes(10), 16), 8),
  xmm: array(bytes(16), 8),
  /** XMM8–XMM15, and the part left to software. */
  xmm_high: pad(128),
  available: pad(96),
})

/** MXCSR bits that may be set, denormals-are-zero included. */
const MXCSR_MASK = 0xffff

/** Neutral → image. */
export function packFxsave(f: Fpu): ValueOf<typeof fxsave> {
  return { ...f, mxcsr_mask: MXCSR_MASK }
}

/** Image → neutral. */
export function unpackFxsave(image: ValueOf<typeof fxsave>): Fpu {
  const { fcw, fsw, ftw, fop, fip, fcs, fdp, fds, st, xmm, mxcsr } = image
  return { fcw, fsw, ftw, fop, fip, fcs, fdp, fds, st, xmm, mxcsr }
}
