/**
 * A guest in machine code: turns paging on as its registers say, then writes one word after the other to random places
 * of its working set with a pause in between, and reads from elsewhere, so that the CPU sets accessed bits there.
 */
import type { DirectBoot } from '../../engine/machine/machine.ts'
import { PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import { variants } from '../setup/variants.ts'
import { codePlan, MIB } from './helpers.ts'

export const RAM = 64 * MIB
export const TABLES = 0x10_0000
const WORKING_SET = 0x200_0000
const WALKER = [
  [0x0f, 0x20, 0xe0, 0x09, 0xf0, 0x0f, 0x22, 0xe0], // CR4 |= ESI
  [0x0f, 0x22, 0xdf], // CR3 = EDI
  [0x0f, 0x20, 0xc0, 0x09, 0xe8, 0x0f, 0x22, 0xc0, 0xeb, 0x00], // CR0 |= EBP, jump
  // again (at 21): EBX = EBX × 1664525 + 1013904223; EAX = (EBX >> 5) & EDX
  [0x69, 0xdb, 0x0d, 0x66, 0x19, 0x00, 0x81, 0xc3, 0x5f, 0xf3, 0x6e, 0x3c, 0x89, 0xd8, 0xc1, 0xe8, 0x05, 0x21, 0xd0],
  [0x89, 0x1c, 0x01], // [ECX + EAX] = EBX
  [0x8b, 0x84, 0x01, 0x00, 0x00, 0x00, 0xff], // EAX = [ECX + EAX − 16 MB]
  [0xb8, 0xd0, 0x07, 0x00, 0x00, 0x48, 0x75, 0xfd], // 2000 times around
  [0xeb, 0x100 - 39], // again
].flat()
const PRESENT_WRITABLE = 3
const LARGE = 0x80
const CR4 = { pse: 0x10, pae: 0x20 }
const CR0_PG = 0x80000000

export interface Paging {
  readonly name: string
  readonly cr4: number
  readonly entryBytes: 4 | 8
  readonly large: boolean
}
const MODES: Paging[] = [
  { name: '4 kB pages', cr4: 0, entryBytes: 4, large: false },
  { name: '4 MB pages', cr4: CR4.pse, entryBytes: 4, large: true },
  { name: 'PAE with 4 kB pages', cr4: CR4.pae, entryBytes: 8, large: false },
  { name: 'PAE with 2 MB pages', cr4: CR4.pae | CR4.pse, entryBytes: 8, large: true },
]

/** Page tables that map the first 64 MB to themselves. */
function pageTables({ entryBytes, large }: Paging): { readonly bytes: Uint8Array; readonly cr3: number } {
  const bytes = new Uint8Array(64 * PAGE_SIZE)
  const view = new DataView(bytes.buffer)
  const put = (at: number, value: number) => view.setUint32(at, value, true)
  const perTable = PAGE_SIZE / entryBytes
  const directory = entryBytes === 8 ? PAGE_SIZE : 0
  if (entryBytes === 8) put(0, (TABLES + directory) | 1)
  for (let i = 0; i < RAM / (perTable * PAGE_SIZE); i++) {
    const table = directory + (i + 1) * PAGE_SIZE
    put(
      directory + i * entryBytes,
      large ? (i * perTable * PAGE_SIZE) | PRESENT_WRITABLE | LARGE : (TABLES + table) | PRESENT_WRITABLE,
    )
    for (let j = 0; j < perTable && !large; j++) {
      put(table + j * entryBytes, ((i * perTable + j) * PAGE_SIZE) | PRESENT_WRITABLE)
    }
  }
  return { bytes, cr3: TABLES }
}

export function walkerPlan(paging: Paging | undefined, seed: number): DirectBoot {
  const tables = paging === undefined ? undefined : pageTables(paging)
  const registers = {
    ebx: seed,
    ecx: WORKING_SET,
    edx: RAM - WORKING_SET - 4,
    esi: paging?.cr4 ?? 0,
    edi: tables?.cr3 ?? 0,
    ebp: paging === undefined ? 0 : CR0_PG | 0,
  }
  return codePlan(WALKER, registers, tables === undefined ? [] : [{ address: TABLES, bytes: tables.bytes }])
}

/** Every mode of paging that the CPU has. */
export const PAGING = [
  { name: 'no paging', paging: undefined },
  ...MODES.map((paging) => ({ name: paging.name, paging })),
]

const [none, small, large, paeSmall, paeLarge] = PAGING
/** One of them and the one that is most unlike it; the others in long tests. */
export const PAGING_TRIED = variants([small, paeLarge], [none, large, paeSmall])
