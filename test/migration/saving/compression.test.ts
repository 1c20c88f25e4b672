/** Compression: what it does to bytes, and when it is worth while. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compress, decompress } from '../../../engine/migration/saving/compress.ts'
import { CompressionMeter, chooseCompression } from '../../../engine/migration/saving/compression-policy.ts'
import type { CompressionFacts } from '../../../engine/migration/saving/compression-policy.ts'

const ALGORITHMS = ['deflate', 'zstd'] as const

describe.each(ALGORITHMS)('%s', (algorithm) => {
  test('gives back what it was given', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 20_000 }),
      fc.nat(60_000).map((n) => new Uint8Array(n + 1).fill(n & 255)),
    )
    await fc.assert(
      fc.asyncProperty(bytes, async (plain) => {
        const packed = await compress(algorithm, plain)
        const back = await decompress(algorithm, packed, plain.length)
        expect(Buffer.compare(back, plain)).toBe(0)
      }),
      { numRuns: 40 },
    )
  })

  test('never gives more than it may: a small frame that would be 64 MiB is refused', async () => {
    const bomb = await compress(algorithm, new Uint8Array(64 << 20))
    expect(bomb.length).toBeLessThan(1 << 20)
    await expect(decompress(algorithm, bomb, 1 << 20)).rejects.toMatchObject({ code: 'protocol.compressed' })
  })

  test('what is cut off, or no such thing at all, is refused', async () => {
    const packed = await compress(
      algorithm,
      Uint8Array.from({ length: 9000 }, (_, i) => (i * i) & 255),
    )
    for (const bytes of [packed.subarray(0, packed.length - 3), packed.subarray(0, 1), Uint8Array.of(7, 7, 7, 7, 7)]) {
      await expect(decompress(algorithm, bytes, 9000)).rejects.toMatchObject({ code: 'protocol.compressed' })
    }
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 500 }), async (bytes) => {
        const result = await decompress(algorithm, bytes, 4096).catch((thrown: unknown) => thrown)
        if (result instanceof Uint8Array) expect(result.length).toBeLessThanOrEqual(4096)
        else expect(result).toMatchObject({ code: 'protocol.compressed' })
      }),
      { numRuns: 60 },
    )
  })
})

describe('the choice of compression', () => {
  const speed = { rate_Bps: 100e6, ratio: 0.5 }
  const facts = (changes: Partial<CompressionFacts>): CompressionFacts => ({
    wanted: 'auto',
    agreed: ['zstd', 'deflate'],
    link_bps: 100e6,
    moment: 'running',
    speed: () => speed,
    frame: 5,
    ...changes,
  })

  test('auto takes it on a link that is slower than it, and on no other', () => {
    expect(chooseCompression(facts({}))).toBe('zstd')
    expect(chooseCompression(facts({ agreed: ['deflate'] }))).toBe('deflate')
    expect(chooseCompression(facts({ link_bps: 1e9 }))).toBeNull()
    expect(chooseCompression(facts({ link_bps: null }))).toBeNull()
  })

  test('what the user named is taken on any link, while the guest runs', () => {
    for (const wanted of ALGORITHMS) {
      expect(chooseCompression(facts({ wanted, link_bps: null }))).toBe(wanted)
      expect(chooseCompression(facts({ wanted, link_bps: 10e9 }))).toBe(wanted)
    }
    expect(chooseCompression(facts({ wanted: 'deflate', agreed: ['zstd'] }))).toBeNull()
    expect(chooseCompression(facts({ wanted: 'off' }))).toBeNull()
    expect(chooseCompression(facts({ agreed: [] }))).toBeNull()
  })

  test('while the guest stands, nobody can have it on an unlimited link', () => {
    for (const wanted of ['auto', ...ALGORITHMS] as const) {
      for (const moment of ['streamed', 'held'] as const) {
        expect(chooseCompression(facts({ wanted, moment, link_bps: null }))).toBeNull()
        expect(chooseCompression(facts({ wanted, moment, link_bps: 10e9 }))).toBeNull()
        expect(chooseCompression(facts({ wanted, moment, link_bps: 10e6 }))).not.toBeNull()
      }
    }
  })

  test('held pages have to win more on the link than the compression takes', () => {
    const slow = { moment: 'held', link_bps: 400e6 } as const
    expect(chooseCompression(facts({ ...slow, speed: () => ({ rate_Bps: 100e6, ratio: 0.9 }) }))).toBeNull()
    expect(chooseCompression(facts({ ...slow, speed: () => ({ rate_Bps: 200e6, ratio: 0.3 }) }))).toBe('zstd')
  })

  test('memory that does not shrink is tried now and then', () => {
    const tried = Array.from({ length: 64 }, (_, frame) =>
      chooseCompression(facts({ frame, speed: () => ({ rate_Bps: 100e6, ratio: 1 }) })),
    )
    expect(tried.filter((each) => each !== null)).toHaveLength(4)
  })

  test('is not ended by one frame that took long, and what took long is tried again', () => {
    const meter = new CompressionMeter()
    meter.took('zstd', 32_000, 4000, 40)
    expect(chooseCompression(facts({ link_bps: 50e6, speed: meter.speed }))).toBe('zstd')
    for (let i = 0; i < 30; i++) meter.took('zstd', 1e6, 3e5, 1000)
    const chosen = Array.from({ length: 32 }, (_, frame) =>
      chooseCompression(facts({ frame, link_bps: 50e6, speed: meter.speed })),
    )
    expect(chosen.filter((each) => each !== null)).toHaveLength(2)
  })

  test('follows what was measured', () => {
    const meter = new CompressionMeter()
    for (let i = 0; i < 80; i++) meter.took('zstd', 1e6, 3e5, 5)
    expect(meter.speed('zstd').rate_Bps).toBeCloseTo(200e6, -3)
    expect(meter.speed('zstd').ratio).toBeCloseTo(0.3, 6)
    for (let i = 0; i < 80; i++) meter.took('zstd', 1e6, 1e6, 100)
    expect(meter.speed('zstd').rate_Bps).toBeLessThan(12e6)
    expect(chooseCompression(facts({ speed: meter.speed }))).toBeNull()
  })
})
