/** What a guest's memory view says, as numbers to draw. */
import type { MemoryViewView } from '../../../../engine/contract/lab.ts'
import { u32FromBase64 } from '../../data/bytes.ts'

export const PAGE_SIZE = 4096
type Row = MemoryViewView['rows'][number]

/** A stretch of guest frames whose machine frames follow each other. */
export interface FrameRun {
  readonly gfn: number
  readonly mfn: number
  readonly pages: number
  readonly dirty: number
}

/**
 * The p2m as stretches whose machine frames follow each other.
 * @param frames the machine frame of each guest frame
 * @param isDirty whether a guest frame is in the dirty log
 */
export function frameRuns(frames: Uint32Array, isDirty: (gfn: number) => boolean): FrameRun[] {
  const runs: { gfn: number; mfn: number; pages: number; dirty: number }[] = []
  frames.forEach((mfn, gfn) => {
    const last = runs.at(-1)
    const dirty = Number(isDirty(gfn))
    if (last !== undefined && last.mfn + last.pages === mfn) {
      last.pages++
      last.dirty += dirty
    } else runs.push({ gfn, mfn, pages: 1, dirty })
  })
  return runs
}

const stretch = (what: string, first: number, pages: number): string =>
  `${what} ${first.toString(16)}${pages === 1 ? '' : `–${(first + pages - 1).toString(16)}`}`

/** The same stretches as rows, all of them: the lab's own list of rows is bounded. */
export function rowsOf(runs: readonly FrameRun[], logged: boolean): Row[] {
  return runs.map(({ gfn, mfn, pages, dirty }) => ({
    name: stretch('GFN', gfn, pages),
    guest_address: gfn * PAGE_SIZE,
    bytes: pages * PAGE_SIZE,
    target: stretch('MFN', mfn, pages),
    logged,
    dirty_pages: dirty,
  }))
}

/** The p2m as the lab told it; where it is the one that is known, that one, so that what is drawn of it stays. */
export function framesTold(known: Uint32Array | null, told: string | null): Uint32Array | null {
  if (told === null) return known
  const frames = u32FromBase64(told)
  return known?.length === frames.length && known.every((mfn, gfn) => mfn === frames[gfn]) ? known : frames
}

/** How far the machine frames reach: the next power of two, as a scale that does not jump from guest to guest. */
export function frameLimit(frames: Uint32Array): number {
  const most = frames.reduce((limit, mfn) => Math.max(limit, mfn + 1), 1)
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

/** A colour and a size tell a dirty stretch from a clean one: how much of it is dirty, 0–1. */
export const dirtyShare = ({ dirty, pages }: Pick<FrameRun, 'dirty' | 'pages'>): number =>
  pages === 0 ? 0 : Math.min(1, dirty / pages)

/** Where a page of RAM lies, in the words of its hypervisor: the machine frame, or the slot and the process's address. */
export function whereabouts(frames: Uint32Array | null, slots: readonly SlotBar[]): (page: number) => string {
  if (frames !== null) return (page) => (page < frames.length ? `MFN 0x${(frames[page] ?? 0).toString(16)}` : '')
  return (page) => {
    const address = page * PAGE_SIZE
    const slot = slots.find(({ guestFrom, bytes }) => address >= guestFrom && address < guestFrom + bytes)
    if (slot === undefined) return ''
    return `${slot.name}, userspace 0x${(slot.hostFrom + BigInt(address - slot.guestFrom)).toString(16)}`
  }
}

/** In sentences, for those who do not see the drawing. */
export function frameSummary(frames: Uint32Array): string {
  const runs = frameRuns(frames, () => false)
  const single = runs.filter((run) => run.pages === 1).length
  return (
    `The guest’s ${frames.length} pages of RAM lie in ${runs.length} stretches of machine frames below ` +
    `${frameLimit(frames)}; ${single} of them are single pages.`
  )
}
