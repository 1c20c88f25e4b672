/** Memory of a guest that is moved page by page: its RAM, and large device memories. */

/** Bytes of a page, everywhere. */
export const PAGE_SIZE = 4096

/** Block numbers on the wire. */
export const BLOCK = { ram: 0, vgaPlanes: 1, vgaFramebuffer: 2, nicMemory: 3, ideBuffer: 4 } as const
export type BlockName = keyof typeof BLOCK
export type BlockId = (typeof BLOCK)[BlockName]

/** What a block is. `name` is for people, `bytes` is a multiple of the page size. */
export interface BlockInfo {
  readonly id: BlockId
  readonly name: BlockName
  readonly bytes: number
}
