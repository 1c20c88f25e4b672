/** How far the background of a pull runs ahead. */
import { expect, test } from 'vitest'
import fc from 'fast-check'
import { LINK_PRESETS, parseLink } from '../../engine/migration/link.ts'
import { pushBatchPages, windowBatches } from '../../engine/migration/pull/push-window.ts'

const PAGE_BITS = 8 * 4096
/** Since the guest last asked for a page: it is about to ask for more, or has what it needs. */
const [BUSY_MS, CALM_MS] = [1, 50]

test('on an unlimited link without latency a page waits behind a few batches only', () => {
  const link = LINK_PRESETS.unlimited
  expect(pushBatchPages(link, 32, BUSY_MS)).toBe(32)
  expect(windowBatches(link, 32)).toBeLessThanOrEqual(8)
})

test('a batch is short on any link, and never empty: a page that is asked for waits a millisecond for one', () => {
  const rates = fc.integer({ min: 100_000, max: 100_000_000_000 })
  fc.assert(
    fc.property(rates, (forward_bps) => {
      const pages = pushBatchPages({ forward_bps, latency_ms: 0, jitter_ms: 0 }, 32, BUSY_MS)
      expect(pages).toBeGreaterThan(0)
      expect(pages).toBeLessThanOrEqual(32)
      // More than the fewest only where they pass in time.
      if (pages > 4) expect((pages * PAGE_BITS) / forward_bps).toBeLessThanOrEqual(0.001 + 1e-9)
    }),
  )
})

test('a guest that asks for nothing gets the rest in larger batches, which still are not longer than some milliseconds', () => {
  expect(pushBatchPages(LINK_PRESETS.unlimited, 32, CALM_MS)).toBe(128)
  for (const text of ['100M', '1G', '10G']) {
    const link = parseLink(text)
    const pages = pushBatchPages(link, 32, CALM_MS)
    expect(pages).toBeGreaterThanOrEqual(pushBatchPages(link, 32, BUSY_MS))
    expect((pages * PAGE_BITS) / (link.forward_bps ?? 1)).toBeLessThanOrEqual(0.002)
  }
})

test('a long link is kept full: the window holds what fits between a batch and its answer', () => {
  for (const text of ['1G,10ms', '100M,50ms,5ms', '10G,1ms']) {
    const link = parseLink(text)
    const pages = pushBatchPages(link, 32, BUSY_MS)
    const held = windowBatches(link, pages) * pages * PAGE_BITS
    expect(held).toBeGreaterThanOrEqual(((link.forward_bps ?? 0) / 1000) * 2 * link.latency_ms)
  }
})
