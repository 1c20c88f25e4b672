/** Whole migrations with savings: agreed on by both sides or not made, and every byte right. */
import { afterEach, describe, expect, test } from 'vitest'
import { parseLink } from '../../../engine/migration/link.ts'
import { SAVINGS } from '../../../engine/migration/saving/savings.ts'
import type { Saving, SavingOptions } from '../../../engine/migration/saving/savings.ts'
import type { SourceOptions } from '../../../engine/migration/source-options.ts'
import { verifyStream } from '../../../engine/migration/verify-stream.ts'
import { MemoryRecorder, World, firstDifference } from '../world.ts'

let world: World
afterEach(async () => {
  await world.stop()
})

interface Setup {
  readonly offer?: readonly Saving[]
  readonly savings?: SavingOptions | undefined
  readonly extra?: Partial<SourceOptions>
  readonly dirtyPerMs?: number
}

async function move({ offer, savings, extra, dirtyPerMs = 2 }: Setup) {
  world = await World.start(offer === undefined ? {} : { offer: { savings: offer } })
  const machine = world.guest({ source: { dirtyPerMs, workingSet: 400 } })
  await machine.resume()
  const recorder = new MemoryRecorder()
  const options = { link: parseLink('100M'), recorder, verify: 'all', savings, ...extra } as const
  const result = await world.migrate(machine, options).finished
  await world.targetEnded()
  expect(result.error).toBeNull()
  expect(result.report.wrong_pages).toBe(0)
  // A guest whose memory comes later starts without it: that was compared when it had come.
  if (result.report.pull === null) {
    expect(firstDifference(machine.atStop, world.targetMachines.get('guest-1')?.atStart ?? null)).toBeNull()
  }
  const verdict = verifyStream(recorder.bytes())
  expect(verdict.problems).toEqual([])
  const sum = (key: 'pages_sent' | 'pages_retransmitted' | 'zero_pages'): number =>
    verdict.blocks.reduce((total, block) => total + block[key], 0)
  const { report, statistics: s } = result
  expect(sum('pages_sent')).toBe(report.pages_sent)
  expect(sum('pages_retransmitted')).toBe(report.pages_retransmitted)
  expect(report.savings?.zero_pages ?? 0).toBe(sum('zero_pages'))
  expect(verdict.savings).toMatchObject({ delta_pages: s.delta_pages, compressed_frames: s.compressed_frames })
  expect(verdict.bytes.source_to_target).toBe(report.bytes_sent_B)
  return { report, verdict, statistics: s }
}

const both = { zero: true, delta: true, compress: 'auto' } as const

describe('savings are made where both sides know them', () => {
  test('a source that offers none, as older ones do', async () => {
    const { report, verdict } = await move({})
    expect(report.savings).toMatchObject({ delta: null, compression: null })
    expect(verdict.savings).toEqual({ agreed: [], delta_pages: 0, compressed_frames: 0 })
  })
  test('a target that knows none', async () => {
    const { report, verdict } = await move({ offer: [], savings: both })
    expect(report.savings).toMatchObject({ delta: null, compression: null })
    expect(verdict.savings).toEqual({ agreed: [], delta_pages: 0, compressed_frames: 0 })
  })
  test('pages of zeros travel in full to a target that does not take their numbers alone', async () => {
    const { report } = await move({ offer: ['delta'], savings: both })
    expect(report.savings?.zero_pages).toBeNull()
    expect(report.bytes_sent_B).toBeGreaterThan(4096 * 2048)
  })
  test('a target that knows some', async () => {
    const { report, verdict } = await move({ offer: ['deflate'], savings: both })
    expect(verdict.savings.agreed).toEqual(['deflate'])
    expect(report.savings?.delta).toBeNull()
    expect(report.savings?.compression).toMatchObject({ algorithm: 'deflate' })
    expect(report.savings?.compression?.frames).toBeGreaterThan(0)
  })
  test('both sides with all', async () => {
    const { report, verdict } = await move({ savings: both })
    expect(verdict.savings.agreed).toEqual([...SAVINGS])
    expect(report.savings?.delta?.pages).toBeGreaterThan(0)
    expect(report.savings?.compression?.frames).toBeGreaterThan(0)
  })
})

describe.each(['pre-copy', 'stop-and-copy', 'hybrid', 'pull-copy'] as const)('%s', (algorithm) => {
  const cases: readonly SavingOptions[] = [
    { zero: false, delta: false, compress: 'off' },
    { zero: false, delta: true, compress: 'zstd' },
    { zero: true, delta: true, compress: 'off' },
    { zero: true, delta: false, compress: 'deflate' },
    { zero: true, delta: false, compress: 'zstd' },
    { zero: true, delta: true, compress: 'zstd' },
    { zero: true, delta: true, compress: 'deflate' },
  ]
  test.each(cases)(
    'with zero pages $zero, delta $delta, compression $compress: every page is right',
    async (savings) => {
      const extra = { algorithms: [algorithm], policy: { hybridRounds: 3 } }
      const { report, statistics } = await move({ savings, extra, dirtyPerMs: 8 })
      // Half of the guest's memory holds zeros.
      if (savings.zero) expect(report.savings?.zero_pages).toBeGreaterThan(100)
      else expect([report.savings?.zero_pages, statistics.zero_pages]).toEqual([null, 0])
      const again = algorithm === 'pre-copy' || algorithm === 'hybrid'
      if (savings.delta && again) {
        expect(report.savings?.delta?.pages).toBeGreaterThan(0)
        expect(report.savings?.delta?.saved_B).toBeGreaterThan(0)
      }
      if (savings.compress !== 'off' && algorithm !== 'pull-copy') {
        const { frames = 0, in_B = 0, out_B = 0 } = report.savings?.compression ?? {}
        expect(frames).toBeGreaterThan(0)
        expect(out_B).toBeLessThan(in_B)
      }
    },
  )
})

test('fewer bytes travel than the pages have', async () => {
  // Named, not `auto`, which decides by what it measures: that may differ on a busy machine.
  const { report } = await move({ savings: { zero: true, delta: true, compress: 'zstd' } })
  const whole = report.pages_sent - (report.savings?.zero_pages ?? 0)
  expect(report.bytes_sent_B).toBeLessThan(whole * 4096 * 0.8)
})

test('on an unlimited link auto compresses nothing, and held pages travel as they are even where the user wants it', async () => {
  const auto = await move({ savings: both, extra: { link: parseLink('unlimited') } })
  expect(auto.report.savings?.compression?.frames).toBe(0)
  await world.stop()
  const savings = { zero: true, delta: true, compress: 'zstd' } as const
  const { report } = await move({ savings, extra: { link: parseLink('unlimited'), algorithms: ['stop-and-copy'] } })
  expect(report.savings?.compression?.frames).toBe(0)
  expect(report.savings?.delta?.pages).toBe(0)
})

test('many pages at the stop are streamed encoded, few come along encoded', async () => {
  const tuning = { inlinePages: 0, batchPages: 64 }
  await move({ savings: { zero: true, delta: true, compress: 'zstd' }, extra: { tuning }, dirtyPerMs: 20 })
})
