import { describe, expect, it } from 'vitest'
import { FerryError } from '../../engine/util/errors.ts'
import { readLinear, translateLinear } from '../../engine/hypervisors/xen/guest-memory.ts'
import { packVcpuGuestContext, unpackVcpuGuestContext } from '../../engine/hypervisors/xen/vcpu-guest-context.ts'
import { HostMemory } from '../../engine/hypervisors/memory.ts'
import { P2m } from '../../engine/hypervisors/xen/p2m.ts'
import { sampleState } from '../vmstate/arbitrary-state.ts'
import { expectSame } from '../vmstate/compare.ts'

const PAGE = 4096
const ram = new Uint8Array(64 * PAGE)
const view = new DataView(ram.buffer)
const physical = (address: number, length: number): Uint8Array | null =>
  address + length > ram.length ? null : ram.subarray(address, address + length)

/** Linear 0xC0000000 up is physical 0 up, by tables in pages 1 and 2; IDT in page 3, TSS in page 4, GDT in page 5. */
view.setUint32(PAGE + 0x300 * 4, (2 * PAGE) | 3, true)
for (let i = 0; i < 64; i++) view.setUint32(2 * PAGE + i * 4, (i * PAGE) | 3, true)
const gate = (vector: number, type: number, selector: number, offset: number): void => {
  const at = 3 * PAGE + vector * 8
  view.setUint16(at, offset & 0xffff, true)
  view.setUint16(at + 2, selector, true)
  view.setUint8(at + 5, type)
  view.setUint16(at + 6, offset >>> 16, true)
}
gate(14, 0x8e, 0x60, 0xc0101234)
gate(0x80, 0xef, 0x60, 0xc0105678)
gate(13, 0x0e, 0x60, 0xc0100000)
view.setUint32(4 * PAGE + 4, 0xc1000ff0, true)
view.setUint16(4 * PAGE + 8, 0x68, true)

const sample = sampleState(2)
const cpu = {
  ...sample.cpu,
  cr0: 0x80000011,
  cr3: PAGE,
  cr4: 0,
  idtr: { base: 0xc0000000 + 3 * PAGE, limit: 0x7ff },
  gdtr: { base: 0xc0000000 + 5 * PAGE, limit: 0xff },
  tr: { selector: 0x80, access: 0x8b, unusable: false, limit: 0x67, base: 0xc0000000 + 4 * PAGE },
}
const frames = new P2m(new HostMemory({ bytes: 256 * PAGE, seed: 1 }), 64)

describe('a guest seen as paravirtualized', () => {
  const bytes = packVcpuGuestContext(cpu, sample.fpu, { memory: physical, frames })
  const pv = unpackVcpuGuestContext(bytes, frames)

  it('has a virtual IDT of the present gates, with level and event mask', () => {
    expect(pv.traps).toEqual([
      { vector: 14, flags: 4, cs: 0x60, address: 0xc0101234 },
      { vector: 0x80, flags: 3, cs: 0x60, address: 0xc0105678 },
    ])
  })

  it('has a virtual TSS: the kernel stack', () => {
    expect(pv.virtualTss).toEqual({ ss: 0x68, esp: 0xc1000ff0 })
  })

  it('has the registers of the HVM view, with IF as the inverse of the event mask', () => {
    const { eax, ecx, edx, ebx, esp, ebp, esi, edi, eip, eflags, cr0, cr2, cr4, dr, dr6, dr7 } = cpu
    expectSame(pv.registers, { eax, ecx, edx, ebx, esp, ebp, esi, edi, eip, eflags, cr0, cr2, cr4, dr, dr6, dr7 })
    expectSame(pv.fpu, sample.fpu)
    expect(bytes[516 + 38]).toBe((eflags & 0x200) === 0 ? 1 : 0)
  })

  it('holds machine frames, and guest frames after the way back', () => {
    const raw = new DataView(bytes.buffer)
    expect(raw.getUint32(2716 + 12, true) >>> 12).toBe(frames.gfnToMfn(1))
    expect(raw.getUint32(2640, true)).toBe(frames.gfnToMfn(5))
    expect(pv.pageDirectoryFrame).toBe(1)
  })

  it('refuses another size', () => {
    expect(() => unpackVcpuGuestContext(bytes.subarray(1), frames)).toThrow(FerryError)
  })
})

describe('a linear address', () => {
  it('is translated by the guest’s tables, and null where a page is absent', () => {
    expect(translateLinear(cpu, physical, 0xc0003004)).toBe(0x3004)
    expect(translateLinear(cpu, physical, 0x1000)).toBeNull()
    expect(translateLinear({ ...cpu, cr0: 0x11 }, physical, 0x1000)).toBe(0x1000)
  })

  it('is translated by large pages and by PAE', () => {
    view.setUint32(PAGE + 0x200 * 4, 0x83, true)
    expect(translateLinear({ ...cpu, cr4: 0x10 }, physical, 0x80012345)).toBe(0x12345)
    view.setBigUint64(10 * PAGE, 0x83n, true)
    const pae = { ...cpu, cr4: 0x20, pdpte: [BigInt(10 * PAGE) | 1n, 0n, 0n, 0n] }
    expect(translateLinear(pae, physical, 0x1234)).toBe(0x1234)
    expect(translateLinear(pae, physical, 0x40000000)).toBeNull()
  })

  it('is read over the end of a page', () => {
    ram.set([1, 2], 21 * PAGE - 2)
    ram.set([3, 4], 21 * PAGE)
    expect([...(readLinear(cpu, physical, 0xc0000000 + 21 * PAGE - 2, 4) ?? [])]).toEqual([1, 2, 3, 4])
    expect(readLinear(cpu, physical, 0xc0000000 + 64 * PAGE - 2, 4)).toBeNull()
  })
})
