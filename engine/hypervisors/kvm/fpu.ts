/** `struct kvm_fpu` (Linux 6.1, asm/kvm.h). */
import { array, bytes, pad, record, u16, u32, u64, u8, within } from '../../util/record.ts'
import type { Fpu } from '../../vmstate/cpu.ts'
import type { NativeReader, NativeWriter } from '../records.ts'

/** XMM8–XMM15 exist in long mode only. */
export const kvmFpu = record('kvm_fpu', 'le', {
  fpr: array(within(bytes(10), 16), 8),
  fcw: u16,
  fsw: u16,
  ftwx: u8,
  pad1: pad(1),
  last_opcode: u16,
  last_ip: u64,
  last_dp: u64,
  xmm: within(array(bytes(16), 8), 256),
  mxcsr: u32,
  pad2: pad(4),
})

/** Offset and selector of a 32-bit pointer share the 64 bits, as in an FXSAVE image. */
const pointer = (offset: number, selector: number): bigint => BigInt(offset) | (BigInt(selector) << 32n)

/** Writes the FPU. */
export function packFpu(out: NativeWriter, f: Fpu): void {
  out.put(kvmFpu, {
    fpr: f.st,
    fcw: f.fcw,
    fsw: f.fsw,
    ftwx: f.ftw,
    last_opcode: f.fop,
    last_ip: pointer(f.fip, f.fcs),
    last_dp: pointer(f.fdp, f.fds),
    xmm: f.xmm,
    mxcsr: f.mxcsr,
  })
}

/** Reads the FPU. */
export function unpackFpu(input: NativeReader): Fpu {
  const f = input.one(kvmFpu)
  return {
    fcw: f.fcw,
    fsw: f.fsw,
    ftw: f.ftwx,
    fop: f.last_opcode,
    fip: Number(f.last_ip & 0xffffffffn),
    fcs: Number((f.last_ip >> 32n) & 0xffffn),
    fdp: Number(f.last_dp & 0xffffffffn),
    fds: Number((f.last_dp >> 32n) & 0xffffn),
    st: f.fpr,
    xmm: f.xmm,
    mxcsr: f.mxcsr,
  }
}
