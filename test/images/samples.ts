/** Smallest images that have every field the loaders look at. */

export interface SampleSegment {
  address: number
  virtualAddress?: number
  data: Buffer
  memorySize?: number
}

/** A 32-bit x86 ELF with the given PT_LOAD segments. */
export function sampleElf(entry: number, segments: readonly SampleSegment[]): Buffer {
  const headers = Buffer.alloc(52 + 32 * segments.length)
  headers.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1])
  headers.writeUInt16LE(2, 16)
  headers.writeUInt16LE(3, 18)
  headers.writeUInt32LE(entry, 24)
  headers.writeUInt32LE(52, 28)
  headers.writeUInt16LE(32, 42)
  headers.writeUInt16LE(segments.length, 44)
  let offset = headers.length
  segments.forEach((segment, index) => {
    const at = 52 + 32 * index
    const fields = [
      1,
      offset,
      segment.virtualAddress ?? segment.address,
      segment.address,
      segment.data.length,
      segment.memorySize ?? segment.data.length,
    ]
    fields.forEach((field, k) => headers.writeUInt32LE(field, at + 4 * k))
    offset += segment.data.length
  })
  return Buffer.concat([headers, ...segments.map((segment) => segment.data)])
}

/** A bzImage of protocol 2.15 with one setup sector and `payload` as its protected-mode part. */
export function sampleBzImage(payload: Buffer = Buffer.alloc(512, 0x90)): Buffer {
  const setup = Buffer.alloc(1024)
  setup[0x1f1] = 1
  setup.writeUInt16LE(0xaa55, 0x1fe)
  setup[0x200] = 0xeb
  setup[0x201] = 0x6a
  setup.write('HdrS', 0x202, 'latin1')
  setup.writeUInt16LE(0x20f, 0x206)
  setup[0x211] = 0x61 // LOADED_HIGH, QUIET and KEEP_SEGMENTS
  setup.writeUInt32LE(0x7fffffff, 0x22c)
  setup.writeUInt32LE(2047, 0x238)
  setup.writeUInt32LE(0x1000000, 0x258)
  setup.writeUInt32LE(0x100000, 0x260)
  return Buffer.concat([setup, payload])
}

/** A Multiboot ELF: header first in its only segment, at 1 MiB. */
export function sampleMultiboot(flags = 3): Buffer {
  const data = Buffer.alloc(64)
  data.writeUInt32LE(0x1badb002, 0)
  data.writeUInt32LE(flags, 4)
  data.writeUInt32LE(-(0x1badb002 + flags) >>> 0, 8)
  return sampleElf(0x10000c, [{ address: 0x100000, data, memorySize: 8192 }])
}
