/**
 * A guest's saved booted state: everything of a machine at its prompt, in one file. A guest that takes seconds to boot
 * starts from it in a fraction of one.
 *
 * File: magic, u32 length and JSON header, state container of the common format, then for each block the page numbers
 * (u32 little-endian) and the pages, compressed together. It is a cache: anything unexpected makes it absent.
 */
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import * as v from 'valibot'
import { FerryError } from '../util/errors.ts'
import type { Machine, PageBatch } from '../machine/machine.ts'
import { BLOCK, type BlockId, PAGE_SIZE } from '../vmstate/blocks.ts'
import { decodeState, encodeState } from '../vmstate/codec.ts'

const MAGIC = 'FERRYBT1'
const MAX_HEADER_BYTES = 64 * 1024
const BATCH_PAGES = 1024

const blockIds = Object.values(BLOCK)
const headerSchema = v.strictObject({
  stateBytes: v.pipe(v.number(), v.integer(), v.minValue(1)),
  blocks: v.array(
    v.strictObject({
      id: v.picklist(blockIds),
      pages: v.pipe(v.number(), v.integer(), v.minValue(0)),
      bytes: v.pipe(v.number(), v.integer(), v.minValue(0)),
    }),
  ),
})

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

/** The machine must be paused. Zero pages are left out. */
export async function saveBootState(machine: Machine): Promise<Buffer> {
  const state = Buffer.from(encodeState(await machine.capture(), []))
  const blocks: { id: BlockId; pages: number; bytes: number }[] = []
  const bodies: Buffer[] = []
  for (const { id, bytes } of machine.blocks) {
    const batches: PageBatch[] = []
    for (let first = 0; first < bytes / PAGE_SIZE; first += BATCH_PAGES) {
      const length = Math.min(BATCH_PAGES, bytes / PAGE_SIZE - first)
      batches.push(await machine.readPages({ block: id, pages: Uint32Array.from({ length }, (_, i) => first + i) }))
    }
    const numbers = Buffer.concat(batches.map(({ pages }) => Buffer.from(pages.buffer)))
    const body = await compress(Buffer.concat([numbers, ...batches.map(({ data }) => data)]), {
      params: { [constants.ZSTD_c_compressionLevel]: 1 },
    })
    blocks.push({ id, pages: numbers.length / 4, bytes: body.length })
    bodies.push(body)
  }
  const header = Buffer.from(JSON.stringify({ stateBytes: state.length, blocks }))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(header.length)
  return Buffer.concat([Buffer.from(MAGIC), length, header, state, ...bodies])
}

/**
 * Loads a saved state into a machine that was just created. Guest time goes on from where it was saved.
 * @throws FerryError `boot-state.damaged`
 */
export async function loadBootState(machine: Machine, file: Buffer): Promise<void> {
  const { state, blocks } = parse(file)
  for (const { id, pages, body } of blocks) {
    const info = machine.blocks.find((block) => block.id === id)
    if (info === undefined || pages * PAGE_SIZE > info.bytes) throw damaged('its memory is not that of the machine')
    const expected = pages * (4 + PAGE_SIZE)
    const plain = await decompress(body, { maxOutputLength: Math.max(1, expected) }).catch(() => {
      throw damaged('its memory cannot be decompressed')
    })
    if (plain.length !== expected) throw damaged('its memory has the wrong length')
    const numbers = new Uint32Array(Uint8Array.from(plain.subarray(0, 4 * pages)).buffer)
    for (let first = 0; first < pages; first += BATCH_PAGES) {
      const last = Math.min(pages, first + BATCH_PAGES)
      const data = Uint8Array.from(plain.subarray(4 * pages + first * PAGE_SIZE, 4 * pages + last * PAGE_SIZE))
      await machine.writePages({ block: id, pages: numbers.slice(first, last), zeroPages: new Uint32Array(0), data })
    }
  }
  await machine.restore(decodeState(state).state, 'freeze')
}

function parse(file: Buffer) {
  if (file.subarray(0, MAGIC.length).toString('latin1') !== MAGIC) throw damaged('it does not begin as one')
  const headerBytes = file.length < 12 ? MAX_HEADER_BYTES + 1 : file.readUInt32LE(MAGIC.length)
  if (headerBytes > MAX_HEADER_BYTES) throw damaged('its header is too long')
  let at = MAGIC.length + 4
  const take = (bytes: number): Buffer => {
    if (at + bytes > file.length) throw damaged('it ends too early')
    at += bytes
    return file.subarray(at - bytes, at)
  }
  const header = v.safeParse(headerSchema, parseJson(take(headerBytes).toString('utf8')))
  if (!header.success) throw damaged('its header is malformed')
  return {
    state: take(header.output.stateBytes),
    blocks: header.output.blocks.map(({ id, pages, bytes }) => ({ id, pages, body: take(bytes) })),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const damaged = (why: string) =>
  new FerryError('boot-state.damaged', `The saved start of the guest cannot be used: ${why}.`, { why })
