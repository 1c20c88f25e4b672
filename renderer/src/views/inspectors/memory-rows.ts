/** What a guest's memory view says, as numbers to draw. */
import type { MemoryViewView } from '../../../../engine/contract/lab.ts'

export const PAGE_SIZE = 4096
type Row = MemoryViewView['rows'][number]

/** A stretch of guest frames whose machine frames follow each other. */
export interface FrameRun {
  readonly gfn: number
  readonly mfn: number
  readonly pages: number
  readonly dirty: number
}

/** Machine frame at which a row of Xen's begins (`MFN 1f–2a`); null for another kind of target. */
export function firstFrame(target: string): number | null {
  const found = /^MFN ([0-9a-f]+)/.exec(target)?.[1]
  return found === undefined ? null : parseInt(found, 16)
}

/** Of a Xen view. */
export function frameRuns(rows: readonly Row[]): FrameRun[] {
  return rows.flatMap((row) => {
    const mfn = firstFrame(row.target)
    if (mfn === null) return []
    return [{ gfn: row.guest_address / PAGE_SIZE, mfn, pages: row.bytes / PAGE_SIZE, dirty: row.dirty_pages }]
  })
}

/** How far the machine frames reach: the next power of two, as a scale that does not jump from guest to guest. */
export function frameLimit(runs: readonly FrameRun[]): number {
  const most = runs.reduce((limit, { mfn, pages }) => Math.max(limit, mfn + pages), 1)
  return 2 ** Math.ceil(Math.log2(most))
}

/** Of a KVM view: a slot, between the guest's addresses and those of the host's process. */
export interface SlotBar {
  readonly name: string
  readonly bytes: number
  readonly guestFrom: number
  /** Of the process; 0 where it cannot be read. */
  readonly hostFrom: bigint
  readonly pages: number
  readonly dirty: number
  readonly logged: boolean
}

export function slotBars(rows: readonly Row[]): SlotBar[] {
  return rows.map((row) => ({
    name: row.name,
    bytes: row.bytes,
    guestFrom: row.guest_address,
    hostFrom: BigInt(/0x[0-9a-f]+/.exec(row.target)?.[0] ?? 0),
    pages: row.bytes / PAGE_SIZE,
    dirty: row.dirty_pages,
    logged: row.logged,
  }))
}

export interface MemoryTotals {
  readonly pages: number
  readonly dirty: number
  readonly logged: boolean
  /** Pages of RAM that no row is about: the list was cut off. */
  readonly missing: number
}

export function memoryTotals(view: MemoryViewView): MemoryTotals {
  const described = view.rows.reduce((sum, { bytes }) => sum + bytes / PAGE_SIZE, 0)
  return {
    pages: view.pages,
    dirty: view.rows.reduce((sum, { dirty_pages }) => sum + dirty_pages, 0),
    logged: view.rows.some(({ logged }) => logged),
    missing: Math.max(0, view.pages - described),
  }
}

/** A colour and a size tell a dirty stretch from a clean one: how much of it is dirty, 0–1. */
export const dirtyShare = ({ dirty, pages }: Pick<FrameRun, 'dirty' | 'pages'>): number =>
  pages === 0 ? 0 : Math.min(1, dirty / pages)

export function memorySummary(view: MemoryViewView): string {
  const { pages, dirty, logged } = memoryTotals(view)
  const log = logged ? `${dirty} pages are in the dirty log.` : 'The dirty log is off.'
  if (view.kind === 'kvm') return `${view.rows.length} memory slots hold the guest’s ${pages} pages of RAM. ${log}`
  const runs = frameRuns(view.rows)
  const single = runs.filter((run) => run.pages === 1).length
  const far = frameLimit(runs)
  return `The guest’s ${pages} pages of RAM lie in ${runs.length} stretches of machine frames below ${far}; ${single} of them are single pages. ${log}`
}
