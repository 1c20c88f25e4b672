/** A guest that writes its memory crosses a slow link with every saving, and every byte is right. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { SavingsInput } from '../../engine/contract/savings.ts'
import { verifyFile } from '../../engine/migration/verify-stream.ts'
import { sleep } from '../../engine/util/clock.ts'
import { long, variants } from '../setup/variants.ts'
import { consoleOf, createLabOs, move, openLab, XEN_AND_KVM } from './lab-fixture.ts'

async function crossing(savings: SavingsInput | undefined, link: string) {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-savings-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const record = join(folder, 'run.ferry')
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service, { workload: 'dirty:3000,2' })
  const input = { guest: guest.id, to: 'kvm', algorithms: ['pre-copy'], link, verify_ram: true, record }
  const report = await move(service, { ...input, ...(savings === undefined ? {} : { savings }) })
  expect(report).toMatchObject({ error: null, outcome: 'completed', wrong_pages: 0, guest_check: 'ok' })
  const verdict = await verifyFile(record)
  expect(verdict.problems).toEqual([])
  expect(verdict.savings.delta_pages).toBe(report.savings?.delta?.pages ?? 0)
  expect(verdict.savings.compressed_frames).toBe(report.savings?.compression?.frames ?? 0)
  const sum = (key: 'pages_sent' | 'zero_pages') => verdict.blocks.reduce((all, block) => all + block[key], 0)
  expect(report.pages_sent).toBe(sum('pages_sent'))
  expect(report.savings?.zero_pages).toBe(sum('zero_pages'))
  expect(await service.call('runs.get', { run_id: report.run_id })).toEqual(report)
  return report
}

describe('over a link of 100 Mbit/s', () => {
  test.each(variants<'deflate' | 'zstd'>(['deflate'], ['zstd']))('compressed with %s', async (compress) => {
    const { savings } = await crossing({ compress }, '100M')
    expect(savings?.compression).toMatchObject({ algorithm: compress })
    expect(savings?.compression?.frames).toBeGreaterThan(0)
    expect(savings?.compression?.out_B).toBeLessThan(savings?.compression?.in_B ?? 0)
    expect(savings?.delta).toBeNull()
  })

  test('with deltas, compressed with zstd', async () => {
    const { savings } = await crossing({ delta: true, compress: 'zstd' }, '100M')
    expect(savings?.delta?.pages).toBeGreaterThan(0)
    expect(savings?.delta?.saved_B).toBeGreaterThan(0)
    expect(savings?.compression?.frames).toBeGreaterThan(0)
  })

  test('compressed without being told to', async () => {
    const { savings } = await crossing(undefined, '100M')
    expect(savings?.compression?.frames).toBeGreaterThan(0)
    expect(savings?.delta).toBeNull()
  })
})

test('on an unlimited link nothing is compressed unless the user says so', async () => {
  const { savings } = await crossing(undefined, 'unlimited')
  expect(savings?.compression?.frames).toBe(0)
  if (!long) return
  const told = await crossing({ delta: true, compress: 'zstd' }, 'unlimited')
  expect(told.savings?.compression?.frames).toBeGreaterThan(0)
})

test('pages that the guest has given back travel as zeros, and are counted', async () => {
  const service = await openLab(XEN_AND_KVM)
  const { id } = await createLabOs(service)
  await service.call('guests.write', { guest: id, data: 'own 1M\n' })
  await expect.poll(() => consoleOf(service, id)).toContain('OWN pages=256')
  // It gives them back one after the other, in its own time.
  await expect.poll(() => service.lab.guest(id).residence.machine.freePages()).toBeGreaterThan(2000)
  const there = await move(service, { guest: id, to: 'kvm', algorithms: ['pre-copy'], verify_ram: true })
  expect(there).toMatchObject({ outcome: 'completed', wrong_pages: 0, guest_check: 'ok' })
  expect(there.savings?.free_pages).toBeGreaterThan(2000)
  expect(there.savings?.zero_pages).toBeGreaterThan(there.savings?.free_pages ?? NaN)
})

test.each(variants(['pre-copy', 'pull-copy'], ['hybrid', 'single-pass']))(
  'what it gives back in the middle of %s is right on the other side',
  async (algorithm) => {
    const service = await openLab(XEN_AND_KVM)
    const { id } = await createLabOs(service)
    const input = { guest: id, to: 'kvm', algorithms: [algorithm], link: '100M', verify_ram: true }
    const { run_id } = await service.call('migrations.start', input)
    for (const own of ['8M', '2M', '12M', '1M']) {
      await sleep(60)
      await service.call('guests.write', { guest: id, data: `own ${own}\n` })
    }
    const report = await service.call('migrations.wait', { run_id })
    expect(report).toMatchObject({ outcome: 'completed', wrong_pages: 0, guest_check: 'ok' })
  },
)
