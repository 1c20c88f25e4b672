/**
 * Pages from the connection into the target's machine: each number is checked against the guest's blocks, each page
 * is accounted for, and at most `window` batches are on their way to the machine at a time.
 */
import { FerryError } from '../util/errors.ts'
import { Bitmap } from '../util/bitmap.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'
import type { BlockId, BlockInfo } from '../vmstate/blocks.ts'
import type { Machine, PageBatch } from '../machine/machine.ts'
import type { Interrupt } from './interrupt.ts'
import type { PagesBody } from './protocol/binary.ts'
import { PageDecoder, admitZeros } from './saving/page-decoder.ts'
import { IMPLIED } from './saving/savings.ts'
import type { Saving } from './saving/savings.ts'

/** Most pages held back for the last step: 16 MiB. */
const MAX_HELD_PAGES = 4096

/** What a frame came in is needed no more. */
export type Recycle = (bytes: Uint8Array<ArrayBuffer>) => void

export class PageReceiver {
  readonly #machine: Machine
  readonly #interrupt: Interrupt
  readonly #machineMs: number
  readonly #window: number
  readonly #decoder: PageDecoder
  readonly #agreed: readonly Saving[]
  readonly #arrived = new Map<BlockId, Uint8Array>()
  /** Pages of RAM of which no version has arrived. */
  readonly #absent: Bitmap
  readonly #writing: Promise<void>[] = []
  readonly #held: PageBatch[] = []
  readonly #recycle: Recycle
  #heldPages = 0
  #missing = 0
  #received = 0

  /**
   * @param savings those that were agreed on
   * @param recycle takes back what a frame came in
   */
  constructor(
    machine: Machine,
    blocks: readonly BlockInfo[],
    interrupt: Interrupt,
    machineMs: number,
    window: number,
    savings: readonly Saving[] = IMPLIED,
    recycle: Recycle = () => {},
  ) {
    this.#machine = machine
    this.#interrupt = interrupt
    this.#machineMs = machineMs
    this.#window = window
    this.#agreed = savings
    this.#recycle = recycle
    this.#decoder = new PageDecoder(machine, interrupt, machineMs, savings)
    for (const block of blocks) {
      const pages = block.bytes / PAGE_SIZE
      this.#arrived.set(block.id, new Uint8Array(pages))
      this.#missing += pages
    }
    this.#absent = Bitmap.full(this.#arrived.get(BLOCK.ram)?.length ?? 0)
  }

  /** Pages received so far, each version counted. */
  get received(): number {
    return this.#received
  }
  /** Pages of which no version has arrived. */
  get missing(): number {
    return this.#missing
  }
  /** The source says how many pages there are. @throws FerryError `protocol.page-count` where there are others */
  announced(pages: number): void {
    if (pages === this.#missing) return
    throw new FerryError('protocol.page-count', `The source announced ${pages} pages of ${this.#missing}.`)
  }

  /** Pages of RAM. */
  get ramPages(): number {
    return this.#absent.length
  }
  /**
   * Of these pages of RAM nothing has to come before the guest runs.
   * @returns false, without effect, where one that has not come is not among them
   */
  excuse(pages: Bitmap): boolean {
    const absent = this.#absent
    if (!absent.isWithin(pages)) return false
    this.#missing -= absent.size
    return true
  }
  /** Batches to load together with the state. */
  get held(): readonly PageBatch[] {
    return this.#held
  }

  /**
   * Takes one PAGES frame; resolves when there is room for the next.
   * @throws FerryError `protocol.page-range`, `protocol.held-pages`, what `PageDecoder` or the machine says
   */
  async take(body: PagesBody): Promise<void> {
    const { hold } = body
    const hasCome = (block: BlockId, page: number) => this.#arrived.get(block)?.[page] === 1
    if (body.encoding === undefined) admitZeros(body.batch, this.#agreed)
    const batch = body.encoding === undefined ? body.batch : await this.#decoder.decode(body, hasCome)
    this.#account(batch)
    if (hold) {
      this.#heldPages += batch.pages.length + batch.zeroPages.length
      if (this.#heldPages > MAX_HELD_PAGES) {
        throw new FerryError('protocol.held-pages', `More than ${MAX_HELD_PAGES} pages were to be held back.`)
      }
      this.#held.push(batch)
      return
    }
    if (this.#held.length > 0) {
      throw new FerryError('protocol.held-pages', 'Pages came after pages that were to be held back.')
    }
    const writing = this.#machine.writePages(batch).then(() => {
      this.#recycle(body.encoding?.bytes ?? batch.data)
    })
    writing.catch(() => undefined)
    this.#writing.push(writing)
    if (this.#writing.length > this.#window) await this.#oldest()
  }

  /** Resolves when the machine has written everything that was taken. */
  async written(): Promise<void> {
    while (this.#writing.length > 0) await this.#oldest()
  }

  async #oldest(): Promise<void> {
    const oldest = this.#writing.shift()
    if (oldest !== undefined) await this.#interrupt.within(oldest, this.#machineMs, 'machine-write')
  }

  #account(batch: PageBatch): void {
    const arrived = this.#arrived.get(batch.block)
    for (const numbers of [batch.pages, batch.zeroPages]) {
      // Ascending, as the decoder has checked: the last is the largest.
      const largest = numbers.at(-1)
      if (arrived === undefined || (largest !== undefined && largest >= arrived.length)) {
        throw new FerryError('protocol.page-range', `Page ${largest ?? 0} is outside of block ${batch.block}.`, {
          block: batch.block,
          page: largest ?? 0,
        })
      }
      for (const page of numbers) {
        if (arrived[page] === 0) this.#missing--
        if (batch.block === BLOCK.ram) this.#absent.delete(page)
        arrived[page] = 1
      }
      this.#received += numbers.length
    }
  }
}
