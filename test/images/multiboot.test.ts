import { describe, expect, it } from 'vitest'
import type { BootPlan } from '../../images/direct-boot.ts'
import { multibootPlan, parseMultiboot } from '../../images/multiboot.ts'
import { sampleElf, sampleMultiboot } from './samples.ts'

const MB = 1 << 20
const input = { kernel: sampleMultiboot(), commandLine: 'hb=100', memoryBytes: 32 * MB }

/** What a kernel would read at a guest-physical address. */
function memory(plan: BootPlan): { u32: (address: number) => number; text: (address: number) => string } {
  const at = (address: number): { bytes: Buffer; offset: number } => {
    const found = plan.segments.find((s) => address >= s.address && address < s.address + s.bytes.length)
    if (found === undefined) throw new Error(`nothing at ${address.toString(16)}`)
    return { bytes: Buffer.from(found.bytes), offset: address - found.address }
  }
  return {
    u32: (address) => at(address).bytes.readUInt32LE(at(address).offset),
    text: (address) => {
      const { bytes, offset } = at(address)
      return bytes.toString('latin1', offset, bytes.indexOf(0, offset))
    },
  }
}

describe('the Multiboot header', () => {
  it('is found wherever it stands in the first 8192 bytes', () => {
    const file = Buffer.concat([Buffer.alloc(8000), sampleMultiboot().subarray(84, 96)])
    expect(parseMultiboot(file)).toEqual({ offset: 8000, flags: 3 })
    const late = Buffer.concat([Buffer.alloc(8192), sampleMultiboot().subarray(84, 96)])
    expect(() => parseMultiboot(late)).toThrow(expect.objectContaining({ code: 'not-multiboot' }))
  })

  it('is not believed when its checksum is wrong', () => {
    const kernel = sampleMultiboot()
    kernel.writeUInt32LE(1, 92)
    expect(() => parseMultiboot(kernel)).toThrow(expect.objectContaining({ code: 'not-multiboot' }))
  })

  it('is refused when it requires what cannot be given', () => {
    expect(() => parseMultiboot(sampleMultiboot(4))).toThrow(expect.objectContaining({ code: 'unsupported' }))
    expect(() => parseMultiboot(sampleMultiboot(0x8000))).toThrow(expect.objectContaining({ code: 'unsupported' }))
  })
})

describe('the boot plan of a Multiboot kernel', () => {
  it('enters with the magic in EAX and the information structure in EBX', () => {
    const plan = multibootPlan(input)
    expect(plan.registers).toMatchObject({ eax: 0x2badb002, eip: 0x10000c, cr0: 1 })
    expect(plan.zero).toEqual([{ address: 0x100040, length: 8192 - 64 }])
  })

  it('gives memory sizes, the command line and the modules', () => {
    const modules = [
      { bytes: Buffer.from('first'), text: 'one' },
      { bytes: Buffer.from('second'), text: 'two' },
    ]
    const plan = multibootPlan({ ...input, modules })
    const info = plan.registers.ebx
    const { u32, text } = memory(plan)
    expect(u32(info) & 0x4d).toBe(0x4d)
    expect(u32(info + 4)).toBe(639)
    expect(u32(info + 8)).toBe(31 * 1024)
    expect(text(u32(info + 16))).toBe('hb=100')
    expect(u32(info + 20)).toBe(2)
    const list = u32(info + 24)
    expect(u32(list) % 4096).toBe(0)
    expect(text(u32(list + 8))).toBe('one')
    expect(u32(list + 20) - u32(list + 16)).toBe('second'.length)
    expect(u32(list + 16)).toBeGreaterThanOrEqual(u32(list + 4))
  })

  it('gives a memory map that ends where RAM ends', () => {
    const plan = multibootPlan(input)
    const { u32 } = memory(plan)
    const map = u32(plan.registers.ebx + 48)
    const entries = u32(plan.registers.ebx + 44) / 24
    const last = map + 24 * (entries - 1)
    expect(u32(last)).toBe(20)
    expect(u32(last + 4) + u32(last + 12)).toBe(32 * MB)
    expect(u32(last + 20)).toBe(1)
  })

  it('turns a virtual entry point into the physical one', () => {
    const header = sampleMultiboot().subarray(84, 148)
    const kernel = sampleElf(0xc010000c, [{ address: 0x100000, virtualAddress: 0xc0100000, data: header }])
    expect(multibootPlan({ ...input, kernel }).registers.eip).toBe(0x10000c)
  })

  it('refuses RAM that cannot hold kernel and modules', () => {
    const modules = [{ bytes: Buffer.alloc(4 * MB), text: '' }]
    expect(() => multibootPlan({ ...input, modules, memoryBytes: 4 * MB })).toThrow(
      expect.objectContaining({ code: 'too-little-memory' }),
    )
  })
})
