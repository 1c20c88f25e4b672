/** Rounds of a running guest in which what really changed is compared with what the dirty log says. */
import type { Machine } from '../../engine/machine/machine.ts'
import { sleep } from '../../engine/util/clock.ts'
import { PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import { allPages } from './helpers.ts'

type Snapshot = Map<number, Uint8Array>
/** All pages of all blocks of a paused machine. */
async function snapshot(guest: Machine): Promise<Snapshot> {
  const found: Snapshot = new Map()
  for (const block of guest.blocks) {
    const bytes = new Uint8Array(block.bytes)
    const { pages, data } = await guest.readPages(allPages(block))
    pages.forEach((page, i) => bytes.set(data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), page * PAGE_SIZE))
    found.set(block.id, bytes)
  }
  return found
}

function changedPages(before: Snapshot, after: Snapshot): Map<number, Set<number>> {
  const changed = new Map<number, Set<number>>()
  for (const [block, bytes] of after) {
    const old = before.get(block) ?? new Uint8Array(0)
    const pages = new Set<number>()
    for (let from = 0; from < bytes.length; from += PAGE_SIZE) {
      if (Buffer.compare(bytes.subarray(from, from + PAGE_SIZE), old.subarray(from, from + PAGE_SIZE)) !== 0) {
        pages.add(from / PAGE_SIZE)
      }
    }
    changed.set(block, pages)
  }
  return changed
}

export interface RoundResult {
  readonly changed: number
  readonly logged: number
  readonly missed: string[]
}
/** Lets the guest run with a cleared log, and compares what changed with what the log says. The guest ends paused. */
async function round(guest: Machine, before: Snapshot, runMs: number): Promise<RoundResult & { after: Snapshot }> {
  await guest.dirtyLogFetch(true)
  await guest.resume()
  await sleep(runMs)
  await guest.pause()
  const after = await snapshot(guest)
  const log = new Map((await guest.dirtyLogFetch(false)).map(({ block, pages }) => [block as number, new Set(pages)]))
  const changed = changedPages(before, after)
  const missed: string[] = []
  for (const [block, pages] of changed) {
    for (const page of pages) if (log.get(block)?.has(page) !== true) missed.push(`${block}:${page}`)
  }
  const count = (sets: Map<number, Set<number>>) => [...sets.values()].reduce((sum, { size }) => sum + size, 0)
  return { changed: count(changed), logged: count(log), missed, after }
}

/** `count` rounds of a guest that runs at first. It ends paused, with the log on. */
export async function rounds(guest: Machine, count: number, runMs: () => number): Promise<RoundResult[]> {
  await guest.pause()
  await guest.dirtyLogStart()
  let before = await snapshot(guest)
  const results: RoundResult[] = []
  for (let i = 0; i < count; i++) {
    const result = await round(guest, before, runMs())
    before = result.after
    results.push(result)
  }
  return results
}
