/**
 * The comparison of both memories before the target's first instruction, while both stand still: the source sends a
 * digest of every page, the target compares them with its own.
 */
import { FerryError } from '../util/errors.ts'
import { BLOCK, PAGE_SIZE } from '../vmstate/blocks.ts'
import type { BlockId, BlockInfo } from '../vmstate/blocks.ts'
import type { Connection } from './protocol/connection.ts'
import type { Machine } from '../machine/machine.ts'
import { MAX_DIGESTS_PER_FRAME } from './protocol/binary.ts'
import type { VerifyBody } from './protocol/binary.ts'
import type { Body } from './protocol/schemas.ts'

export type VerifyScope = Body<'MIG_REQ'>['verify']
export type VerifyResult = Body<'VERIFY_RESULT'>

/** The blocks that are compared. */
export function blocksToVerify(blocks: readonly BlockInfo[], scope: VerifyScope): readonly BlockInfo[] {
  if (scope === 'none') return []
  return scope === 'all' ? blocks : blocks.filter((block) => block.id === BLOCK.ram)
}

/** The source's part: sends its digests and waits for the result. */
export async function askComparison(
  connection: Connection,
  machine: Machine,
  blocks: readonly BlockInfo[],
  ms: number,
): Promise<VerifyResult> {
  const bodies = await connection.interrupt.within(digestMessages(machine, blocks), ms, 'digests')
  for (const body of bodies) await connection.send({ type: 'VERIFY', body }, ms)
  // The target has the same time for its digests, and tells if it runs out of it: so wait longer than that.
  return (await connection.receive(['VERIFY_RESULT'], 2 * ms, 'comparison')).body
}

/**
 * The target's part: compares what comes with its own memory and tells the result.
 * @param skip pages that are the guest's own by now, by block
 * @returns what was told
 */
export async function answerComparison(
  connection: Connection,
  machine: Machine,
  blocks: readonly BlockInfo[],
  ms: number,
  skip: ReadonlyMap<BlockId, ReadonlySet<number>> = new Map(),
): Promise<VerifyResult> {
  const all = Promise.all(blocks.map(async (b) => [b.id, await machine.digests(b.id)] as const))
  const own = new Map(await connection.interrupt.within(all, ms, 'digests'))
  const comparison = new RamComparison(blocks, own, skip)
  for (;;) {
    const { body } = await connection.receive(['VERIFY'], ms, 'comparison')
    comparison.take(body)
    if (body.last) break
  }
  await connection.send({ type: 'VERIFY_RESULT', body: comparison.result() }, ms)
  return comparison.result()
}

/** The error of memories that are not equal. */
export function pagesDiffer({ wrongPages, comparedPages, examples }: VerifyResult): FerryError {
  const example = examples[0]
  return new FerryError(
    'verify.pages-differ',
    `${wrongPages} of ${comparedPages} pages differ between source and target.`,
    { wrong_pages: wrongPages, block: example?.block ?? null, page: example?.page ?? null },
  )
}

/** The VERIFY messages of one side's memory. */
async function digestMessages(machine: Machine, blocks: readonly BlockInfo[]): Promise<VerifyBody[]> {
  const bodies: VerifyBody[] = []
  const all = await Promise.all(blocks.map(async (block) => ({ block, digests: await machine.digests(block.id) })))
  for (const { block, digests } of all) {
    for (let first = 0; first < digests.length; first += MAX_DIGESTS_PER_FRAME) {
      const part = digests.slice(first, first + MAX_DIGESTS_PER_FRAME)
      bodies.push({ block: block.id, last: false, first, digests: part })
    }
  }
  return bodies.map((body, i) => ({ ...body, last: i === bodies.length - 1 }))
}

/** Compares what arrives with the own digests; knows at the end whether every page was compared. */
export class RamComparison {
  readonly #own: ReadonlyMap<BlockId, BigUint64Array>
  readonly #expected: number
  readonly #skip: ReadonlyMap<BlockId, ReadonlySet<number>>
  readonly #next = new Map<BlockId, number>()
  readonly #examples: { block: BlockId; page: number }[] = []
  /** Digests that came, and pages that were compared. */
  #taken = 0
  #compared = 0
  #wrong = 0

  constructor(
    blocks: readonly BlockInfo[],
    own: ReadonlyMap<BlockId, BigUint64Array>,
    skip: ReadonlyMap<BlockId, ReadonlySet<number>> = new Map(),
  ) {
    this.#own = own
    this.#skip = skip
    this.#expected = blocks.reduce((sum, block) => sum + block.bytes / PAGE_SIZE, 0)
  }

  /** @throws FerryError `protocol.verify` when digests are missing, repeated, or of other blocks */
  take(body: VerifyBody): void {
    const own = this.#own.get(body.block)
    if (own === undefined || body.first !== (this.#next.get(body.block) ?? 0)) {
      throw new FerryError('protocol.verify', `Digests of block ${body.block} came out of order.`)
    }
    if (body.first + body.digests.length > own.length) {
      throw new FerryError('protocol.verify', `Digests came for pages outside of block ${body.block}.`)
    }
    const skip = this.#skip.get(body.block)
    body.digests.forEach((digest, i) => {
      const page = body.first + i
      if (skip?.has(page) === true) return
      this.#compared++
      if (digest === own[page]) return
      this.#wrong++
      if (this.#examples.length < 16) this.#examples.push({ block: body.block, page })
    })
    this.#next.set(body.block, body.first + body.digests.length)
    this.#taken += body.digests.length
    if (body.last && this.#taken !== this.#expected) {
      throw new FerryError('protocol.verify', `${this.#taken} of ${this.#expected} digests came.`)
    }
  }

  result(): VerifyResult {
    return { comparedPages: this.#compared, wrongPages: this.#wrong, examples: this.#examples }
  }
}
