/** How far the background of a pull runs ahead. */
import { expect, test } from 'vitest'
import fc from 'fast-check'
import { LINK_PRESETS, parseLink } from '../../engine/migration/link.ts'
import { pushBatchPages, windowBatches } from '../../engine/migration/pull/push-window.ts'

const PAGE_BITS = 8 * 4096

test('on an unlimited link without latency a page waits behind a few batches only', () => {
  const link = LINK_PRESETS.unlimited
  expect(pushBatchPages(link, 32)).toBe(32)
  expect(windowBatches(link, 32)).toBeLessThanOrEqual(8)
})

test('a batch lasts some milliseconds on any link, and is never empty', () => {
  const rates = fc.integer({ min: 100_000, max: 100_000_000_000 })
  fc.assert(
    fc.property(rates, (forward_bps) => {
      const pages = pushBatchPages({ forward_bps, latency_ms: 0, jitter_ms: 0 }, 32)
      expect(pages).toBeGreaterThan(0)
      expect(pages).toBeLessThanOrEqual(32)
      // More than the fewest only where they pass in time.
      if (pages > 4) expect((pages * PAGE_BITS) / forward_bps).toBeLessThanOrEqual(0.004 + 1e-9)
    }),
  )
})

test('a long link is kept full: the window holds what fits between a batch and its answer', () => {
  for (const text of ['1G,10ms', '100M,50ms,5ms', '10G,1ms']) {
    const link = parseLink(text)
    const pages = pushBatchPages(link, 32)
    const held = windowBatches(link, pages) * pages * PAGE_BITS
    expect(held).toBeGreaterThanOrEqual(((link.forward_bps ?? 0) / 1000) * 2 * link.latency_ms)
  }
})
