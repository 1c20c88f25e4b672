/** How a guest starts in QEMU: another machine is brought to its first instruction, and what it is then goes into QEMU. */
import type { DirectBoot, Machine } from '../machine/machine.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'

/** Pages that are on their way at a time: 16 MiB. */
const BATCH_PAGES = 4096

/**
 * @param from a new machine; closed afterwards
 * @param to waits for its guest, and has it when this resolves
 */
export async function bootElsewhere(from: Machine, plan: DirectBoot, to: Machine): Promise<void> {
  try {
    await from.boot(plan)
    const unwritten = new Set(await from.unwrittenPages())
    for (const { id, bytes } of from.blocks) {
      const all = Uint32Array.from({ length: bytes / PAGE_SIZE }, (_, page) => page)
      const pages = id === BLOCK.ram ? all.filter((page) => !unwritten.has(page)) : all
      for (let at = 0; at < pages.length; at += BATCH_PAGES) {
        await to.writePages(await from.readPages({ block: id, pages: pages.slice(at, at + BATCH_PAGES) }))
      }
    }
    await to.restore(await from.capture(), 'freeze')
  } finally {
    await from.close()
  }
}
