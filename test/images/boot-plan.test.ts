import { describe, expect, it } from 'vitest'
import type { BootPlan, Segment } from '../../images/direct-boot.ts'
import { linuxBootPlan, parseBzImage } from '../../images/linux/boot.ts'
import { linuxCommandLine } from '../../images/linux/cmdline.ts'
import { sampleBzImage, sampleElf } from './samples.ts'

const MB = 1 << 20
const vmlinux = sampleElf(0x1000000, [
  { address: 0x1000000, virtualAddress: 0xc1000000, data: Buffer.alloc(4096, 1) },
  { address: 0x1001000, virtualAddress: 0xc1001000, data: Buffer.alloc(100, 2), memorySize: 9000 },
])
const input = { bzimage: sampleBzImage(), vmlinux, commandLine: 'console=ttyS0', memoryBytes: 64 * MB }

function segment(plan: BootPlan, name: string): Segment {
  const found = plan.segments.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`no segment "${name}"`)
  return found
}

function zeroPage(plan: BootPlan): DataView {
  const { bytes } = segment(plan, 'zero page')
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

describe('the boot plan of Linux', () => {
  it('enters the unpacked kernel in flat protected mode with the zero page in ESI', () => {
    const { registers, gdt } = linuxBootPlan(input)
    expect(registers).toMatchObject({ eip: 0x1000000, esi: 0x90000, ebx: 0, ebp: 0, edi: 0, cr0: 1, eflags: 2 })
    expect(registers.code).toMatchObject({ selector: 0x10, base: 0, limit: 0xffffffff })
    expect(registers.data).toMatchObject({ selector: 0x18, base: 0, limit: 0xffffffff })
    expect(gdt.limit).toBe(31)
  })

  it('puts every ELF segment at its physical address and lists its bss', () => {
    const plan = linuxBootPlan(input)
    expect(plan.segments.filter((s) => s.name === 'kernel').map((s) => [s.address, s.bytes.length])).toEqual([
      [0x1000000, 4096],
      [0x1001000, 100],
    ])
    expect(plan.zero).toEqual([{ address: 0x1001000 + 100, length: 8900 }])
  })

  it('copies the setup header and fills in what a loader must', () => {
    const page = zeroPage(linuxBootPlan(input))
    expect(page.getUint32(0x202, true)).toBe(0x53726448)
    expect(page.getUint8(0x210)).toBe(0xff)
    expect(page.getUint8(0x211)).toBe(0x01)
    expect(page.getUint32(0x228, true)).toBe(segment(linuxBootPlan(input), 'command line').address)
  })

  it('describes all RAM, and nothing else, as usable', () => {
    const page = zeroPage(linuxBootPlan(input))
    const map = Array.from({ length: page.getUint8(0x1e8) }, (_, i) => ({
      start: page.getUint32(0x2d0 + 20 * i, true),
      length: page.getUint32(0x2d8 + 20 * i, true),
      type: page.getUint32(0x2e0 + 20 * i, true),
    }))
    expect(map.filter((entry) => entry.type === 1)).toEqual([
      { start: 0, length: 0x9fc00, type: 1 },
      { start: MB, length: 63 * MB, type: 1 },
    ])
    expect(page.getUint32(0x1e0, true)).toBe(63 * 1024)
  })

  it.each([64, 128, 512, 2048])('places the initrd page-aligned inside low memory with %i MB', (megabytes) => {
    const initrd = Buffer.alloc(5000, 7)
    const plan = linuxBootPlan({ ...input, initrd, memoryBytes: megabytes * MB })
    const { address, bytes } = segment(plan, 'initrd')
    expect(address % 4096).toBe(0)
    expect(address + bytes.length).toBeLessThanOrEqual(Math.min(megabytes * MB, 0x38000000))
    expect(zeroPage(plan).getUint32(0x218, true)).toBe(address)
    expect(zeroPage(plan).getUint32(0x21c, true)).toBe(5000)
  })

  it('tells the kernel of a text screen only where there is one', () => {
    expect(zeroPage(linuxBootPlan(input)).getUint8(0x0f)).toBe(1)
    const blind = linuxBootPlan({ ...input, vgaText: false })
    expect(zeroPage(blind).getUint8(0x0f)).toBe(0)
    expect(blind.needsVgaText).toBe(false)
  })

  it('boots a bzImage alone from its protected-mode part at 1 MiB', () => {
    const plan = linuxBootPlan({ bzimage: sampleBzImage(), commandLine: '', memoryBytes: 64 * MB })
    expect(plan.registers.eip).toBe(MB)
    expect(segment(plan, 'kernel')).toMatchObject({ address: MB })
    expect(segment(plan, 'kernel').bytes.length).toBe(512)
  })

  it('refuses RAM that cannot hold kernel and initrd', () => {
    const initrd = Buffer.alloc(16 * MB)
    expect(() => linuxBootPlan({ ...input, initrd, memoryBytes: 24 * MB })).toThrow(
      expect.objectContaining({ code: 'too-little-memory' }),
    )
  })

  it('refuses a command line that the kernel would cut off', () => {
    expect(() => linuxBootPlan({ ...input, commandLine: 'x'.repeat(2048) })).toThrow(
      expect.objectContaining({ code: 'command-line-too-long' }),
    )
  })

  it('refuses files that are no kernel, and kernels too old, with a code', () => {
    expect(() => parseBzImage(Buffer.alloc(4096))).toThrow(expect.objectContaining({ code: 'not-bzimage' }))
    expect(() => parseBzImage(Buffer.alloc(10))).toThrow(expect.objectContaining({ code: 'not-bzimage' }))
    const old = sampleBzImage()
    old.writeUInt16LE(0x204, 0x206)
    expect(() => parseBzImage(old)).toThrow(expect.objectContaining({ code: 'unsupported' }))
    expect(() => linuxBootPlan({ ...input, vmlinux: Buffer.alloc(100) })).toThrow(
      expect.objectContaining({ code: 'not-elf' }),
    )
  })
})

describe('the Linux command line', () => {
  it('fits every kernel and names the serial console', () => {
    const line = linuxCommandLine({ address: '10.0.2.15/24', gateway: '10.0.2.2', extra: 'quiet' })
    expect(line.length).toBeLessThan(1024)
    expect(line).toContain('console=ttyS0')
    expect(line).toMatch(/ ferry\.ip=10\.0\.2\.15\/24 ferry\.gw=10\.0\.2\.2 quiet$/)
  })

  it.each(['10.0.2.15', '10.0.2/24', '10.0.2.15/33', '10.0.2.256/24', '10.0.2.15/24 init=/bin/sh'])(
    'refuses "%s" as an address',
    (address) => {
      expect(() => linuxCommandLine({ address })).toThrow(RangeError)
    },
  )
})
