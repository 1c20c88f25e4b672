/** Commands of QEMU's migration stream for post-copy: the guest runs on the target before its memory has come. */
import { PAGE_SIZE } from '../../../vmstate/blocks.ts'
import type { NativeRecord } from '../../hypervisor.ts'
import { BLOCK_NAMES, COMMAND, type StreamBlock, type StreamMachine, TYPE } from './format.ts'
import { deviceSections, fileHead, nameOf, numbers, ramStart } from './writer.ts'

/** Pages of a block, by number. */
export interface PageRun {
  readonly first: number
  readonly count: number
}

/** @param pages ascending */
export function runsOf(pages: Uint32Array): PageRun[] {
  const runs: { first: number; count: number }[] = []
  let last: { first: number; count: number } | undefined
  for (const page of pages) {
    if (last !== undefined && page === last.first + last.count) last.count++
    else runs.push((last = { first: page, count: 1 }))
  }
  return runs
}

const command = (code: number, payload: Uint8Array = new Uint8Array()): Uint8Array<ArrayBuffer> =>
  Buffer.concat([numbers([1, TYPE.command], [2, code], [2, payload.length]), payload])

/** A pong with the same number comes back on the return path. */
export const ping = (number: number): Uint8Array<ArrayBuffer> => command(COMMAND.ping, numbers([4, number]))

/** Everything before the first page, where the guest may be pulled later: a return path, and an advice of post-copy. */
export function postcopyHead(machine: StreamMachine): Uint8Array<ArrayBuffer> {
  return Buffer.concat([
    fileHead(),
    command(COMMAND.openReturnPath),
    ping(1),
    // Page sizes of the source's memory, and of its target.
    command(COMMAND.postcopyAdvise, numbers([8, PAGE_SIZE], [8, PAGE_SIZE])),
    ramStart(machine),
  ])
}

/** Runs that fit into a command: its length has 16 bits. */
const RUNS = 4000
const DISCARD_VERSION = 0

/**
 * Pages that the target must not use as it has them: they are missing. To be sent, for what is missing of each block, before
 * the package; without any, QEMU does not trap accesses.
 */
export function postcopyDiscard(block: StreamBlock, runs: readonly PageRun[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = []
  for (let at = 0; at < runs.length; at += RUNS) {
    const ranges = runs
      .slice(at, at + RUNS)
      .map(({ first, count }) =>
        numbers([8, BigInt(first) * BigInt(PAGE_SIZE)], [8, BigInt(count) * BigInt(PAGE_SIZE)]),
      )
    const payload = Buffer.concat([
      numbers([1, DISCARD_VERSION]),
      nameOf(BLOCK_NAMES[block]),
      numbers([1, 0]),
      ...ranges,
    ])
    parts.push(command(COMMAND.postcopyRamDiscard, payload))
  }
  return Buffer.concat(parts)
}

/** Pong of this number: the package was read, and the devices are loaded. */
export const DEVICES_LOADED = 3

/** Listen, the devices, run: in one package, so that pages can be sent while the target still loads it. */
export function postcopyPackage(records: readonly NativeRecord[]): Uint8Array<ArrayBuffer> {
  const content = Buffer.concat([
    command(COMMAND.postcopyListen),
    deviceSections(records),
    ping(DEVICES_LOADED),
    command(COMMAND.postcopyRun),
  ])
  return Buffer.concat([command(COMMAND.packaged, numbers([4, content.length])), content])
}

/** The end of the stream, behind the last page (`ramEnd`). */
export const postcopyEnd = (): Uint8Array<ArrayBuffer> => Uint8Array.of(TYPE.eof)
