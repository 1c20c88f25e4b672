/** A guest as the save image of Xen's libxc. */
import { imageHead, imageTail, MOST_PAGES, pageData, VGA_HOLE } from '../../hypervisors/xen/save-image.ts'
import { xen } from '../../hypervisors/xen/xen.ts'
import type { PageBatch } from '../../machine/machine.ts'
import { BLOCK, PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { GuestFile, PausedGuest } from './format.ts'

const DEVICES =
  'Devices (disk controller, network card, serial port, keyboard, screen): libxl keeps them in a stream of its own around this one.'

async function* write({ state, blocks, read }: PausedGuest): AsyncIterable<Uint8Array> {
  yield imageHead()
  const ram = blocks.find(({ id }) => id === BLOCK.ram)
  const pages = (ram?.bytes ?? 0) / PAGE_SIZE
  for (let first = 0; first < pages; first += MOST_PAGES) {
    const numbers = Array.from({ length: Math.min(MOST_PAGES, pages - first) }, (_, i) => first + i)
    const wanted = numbers.filter((page) => page < VGA_HOLE.from || page >= VGA_HOLE.to)
    const batch = await read(BLOCK.ram, Uint32Array.from(wanted))
    yield pageData(wanted, contents(batch, wanted))
  }
  yield imageTail(xen.pack(state))
}

/** The pages one behind the other: those of zeros have no bytes in a batch. */
function contents({ pages, data }: PageBatch, wanted: readonly number[]): Uint8Array {
  if (pages.length === wanted.length) return data
  const places = new Map(wanted.map((page, i) => [page, i]))
  const bytes = new Uint8Array(wanted.length * PAGE_SIZE)
  pages.forEach((page, i) => {
    bytes.set(data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), (places.get(page) ?? 0) * PAGE_SIZE)
  })
  return bytes
}

export const xenImage: GuestFile = {
  write,
  withDisk: false,
  command: () => null,
  leftOut: () => [DEVICES, ...new Set(xen.notRepresentable.map(({ reason }) => reason))],
}
