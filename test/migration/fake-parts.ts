/** What belongs to fake machines: their options, faults to inject, and the watch that only one of a guest's runs. */
import type { PageBatch, PageSet } from '../../engine/machine/machine.ts'
import { type BlockId, PAGE_SIZE } from '../../engine/vmstate/blocks.ts'

const ZERO_PAGE = new Uint8Array(PAGE_SIZE)

export type CallName =
  | 'resume'
  | 'pause'
  | 'readPages'
  | 'writePages'
  | 'dirtyLogStart'
  | 'guardStart'
  | 'guardStop'
  | 'dirtyLogFetch'
  | 'dirtyLogStop'
  | 'capture'
  | 'stop'
  | 'load'
  | 'digests'

/** What goes wrong: at the `at`-th call (from 1) of that name. */
export interface Fault {
  readonly call: CallName
  readonly at: number
  /** `corrupt`: the call works, and a byte of RAM is wrong afterwards. */
  readonly how: 'throw' | 'hang' | 'die' | 'corrupt'
}

/** Watches that no two machines of a guest run at the same time. */
export class Arbiter {
  readonly running = new Set<string>()
  readonly violations: string[] = []
  start(name: string): void {
    if (this.running.size > 0 && !this.running.has(name)) {
      this.violations.push(`${name} started while ${[...this.running].join()} ran`)
    }
    this.running.add(name)
  }
  stop(name: string): void {
    this.running.delete(name)
  }
}

export interface FakeOptions {
  readonly name: string
  readonly arbiter: Arbiter
  readonly ramBytes?: number
  /** Pages that the guest dirties per millisecond of running. */
  readonly dirtyPerMs?: number
  /** The dirtier keeps to this many pages. */
  readonly workingSet?: number
  readonly seed?: number
  readonly fault?: Fault | undefined
}

/** As `postMessage` with a transfer list does: the caller's buffers are detached. */
export function transfer(batch: PageBatch): PageBatch {
  const buffers = new Set([batch.pages.buffer, batch.zeroPages.buffer, batch.data.buffer])
  return structuredClone(batch, { transfer: [...buffers] })
}

/** The pages as they are in a block's memory, zero pages apart. */
export function batchOf(memory: Uint8Array, { block, pages }: PageSet): PageBatch {
  const bytesOf = (page: number) => memory.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
  const isZero = (page: number) => Buffer.compare(bytesOf(page), ZERO_PAGE) === 0
  const full = pages.filter((page) => !isZero(page))
  const data = new Uint8Array(full.length * PAGE_SIZE)
  full.forEach((page, i) => data.set(bytesOf(page), i * PAGE_SIZE))
  return { block, pages: full, zeroPages: pages.filter(isZero), data }
}

export function writeBatch(memory: Uint8Array, { pages, zeroPages, data }: PageBatch): void {
  for (const page of zeroPages) memory.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
  pages.forEach((page, i) => memory.set(data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), page * PAGE_SIZE))
}

/** From a byte for each page of each block: 0 = clean. */
export function dirtySets(blocks: ReadonlyMap<BlockId, Uint8Array>, clear: boolean): PageSet[] {
  const sets: PageSet[] = []
  for (const [block, dirty] of blocks) {
    const pages = [...dirty.keys()].filter((page) => dirty[page] !== 0)
    if (clear) dirty.fill(0)
    if (pages.length > 0) sets.push({ block, pages: Uint32Array.from(pages) })
  }
  return sets
}

/** Writes those pages of a batch that are missing, and returns them: they are missing no more. */
export function takeMissing(memory: Uint8Array, missing: Set<number>, batch: PageBatch): number[] {
  const came: number[] = []
  for (const page of batch.zeroPages) {
    if (!missing.delete(page)) continue
    memory.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
    came.push(page)
  }
  batch.pages.forEach((page, i) => {
    if (!missing.delete(page)) return
    memory.set(batch.data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), page * PAGE_SIZE)
    came.push(page)
  })
  return came
}
