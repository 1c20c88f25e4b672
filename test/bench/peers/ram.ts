/** Two copies of a guest's RAM, compared page by page. Pure. */

const PAGE_BYTES = 4096
/** Video memory and firmware (640 KiB to 1 MiB) are no RAM of the guest. */
const NOT_RAM = { from: 0xa0000, to: 0x100000 }

/** How many pages differ between two parts that begin at `address`; those outside the guest's RAM are left out. */
export function differingPages(a: Uint8Array, b: Uint8Array, address: number): number {
  let wrong = 0
  for (let at = 0; at < a.length; at += PAGE_BYTES) {
    const place = address + at
    if (place >= NOT_RAM.from && place < NOT_RAM.to) continue
    if (Buffer.compare(a.subarray(at, at + PAGE_BYTES), b.subarray(at, at + PAGE_BYTES)) !== 0) wrong++
  }
  return wrong
}
