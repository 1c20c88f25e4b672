/**
 * The change that lets another thread see a machine's memory: v86's module defines its memory as shared, and the code that
 * v86 compiles while a guest runs imports it as such. Plain loads and stores of shared memory are the same instructions
 * as of any other, so a guest runs as fast.
 *
 * Source: WebAssembly threads proposal, "limits" (flag 0x03: shared, with a maximum).
 */
import { joined } from '../util/bytes.ts'
import { FerryError } from '../util/errors.ts'
import { encodeUnsigned } from './wasm/leb128.ts'
import { EXTERNAL, SECTION, skipImport, type WasmModule } from './wasm/module.ts'
import { WasmReader } from './wasm/reader.ts'

/** Pages of 64 KiB that 32 bits can address: v86 itself sets no limit, and a shared memory needs one. */
const MOST_PAGES = 65_536
const HEADER_BYTES = 8

/** @param module v86's own */
export function patchSharedMemory(module: WasmModule): void {
  module.shareMemory(MOST_PAGES)
}

/**
 * The same module with its imported memory declared as shared.
 * @throws FerryError `wasm.malformed`, `machine.v86-shape` where it imports none
 */
export function importingSharedMemory(code: Uint8Array): Uint8Array<ArrayBuffer> {
  const reader = new WasmReader(code, HEADER_BYTES)
  while (!reader.done) {
    const sectionAt = reader.position
    const id = reader.byte()
    const size = reader.unsigned()
    const from = reader.position
    if (id !== SECTION.import) {
      reader.take(size)
      continue
    }
    for (let left = reader.unsigned(); left > 0; left--) {
      reader.take(reader.unsigned())
      reader.take(reader.unsigned())
      const kind = reader.byte()
      const limitsAt = reader.position
      if (skipImport(reader, kind) !== EXTERNAL.memory) continue
      const limits = sharedLimits(new WasmReader(code, limitsAt))
      const body = from + size
      const before = code.subarray(from, limitsAt)
      const after = code.subarray(reader.position, body)
      const length = before.length + limits.length + after.length
      return joined([
        code.subarray(0, sectionAt),
        [id, ...encodeUnsigned(length)],
        before,
        limits,
        after,
        code.subarray(body),
      ])
    }
    break
  }
  throw new FerryError('machine.v86-shape', 'v86 compiles code that uses no memory, which Ferry does not expect.')
}

function sharedLimits(plain: WasmReader): number[] {
  plain.byte()
  return [0x03, ...encodeUnsigned(plain.unsigned()), ...encodeUnsigned(MOST_PAGES)]
}
