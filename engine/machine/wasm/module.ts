/**
 * A WebAssembly binary taken apart and put together again, as far as adding globals, exports and functions and
 * replacing function bodies needs it. Sections that are not touched are copied byte for byte.
 *
 * Source: WebAssembly core specification 1.0, chapter 5 (binary format).
 */
import { joined } from '../../util/bytes.ts'
import { encodeUnsigned } from './leb128.ts'
import { malformed, WasmReader } from './reader.ts'

const MAGIC = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00)
export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  memory: 5,
  global: 6,
  export: 7,
  code: 10,
} as const
export const EXTERNAL = { function: 0, table: 1, memory: 2, global: 3 } as const
const VALUE_TYPE = { i32: 0x7f, i64: 0x7e } as const
export type ValueType = keyof typeof VALUE_TYPE
const FUNCTION_TYPE = 0x60
/** Number of function names that is plausible; guards the map against a hostile name section. */
const MAX_NAMES = 1_000_000

interface Section {
  readonly id: number
  readonly body: Uint8Array
}

export class WasmModule {
  readonly #sections: readonly Section[]
  readonly #importedFunctions: number
  readonly #importedGlobals: number
  readonly #functionTypes: number[]
  readonly #bodies: Uint8Array[]
  readonly #definedGlobals: number
  readonly #addedGlobals: number[] = []
  #addedGlobalCount = 0
  readonly #addedExports: number[] = []
  #addedExportCount = 0
  #sharedPages: number | null = null

  /** @throws FerryError `wasm.malformed` */
  constructor(binary: Uint8Array) {
    if (binary.length < 8 || MAGIC.some((byte, i) => binary[i] !== byte)) throw malformed('it has no wasm header')
    const reader = new WasmReader(binary, 8)
    const sections: Section[] = []
    while (!reader.done) {
      const id = reader.byte()
      sections.push({ id, body: reader.take(reader.unsigned()) })
    }
    this.#sections = sections
    const imports = countImports(this.#body(SECTION.import))
    this.#importedFunctions = imports.functions
    this.#importedGlobals = imports.globals
    this.#functionTypes = readVector(this.#body(SECTION.function), (r) => r.unsigned())
    this.#bodies = readVector(this.#body(SECTION.code), (r) => r.take(r.unsigned()))
    this.#definedGlobals = new WasmReader(this.#body(SECTION.global)).unsigned()
    if (this.#bodies.length !== this.#functionTypes.length) throw malformed('functions and bodies differ in number')
  }

  #body(id: number): Uint8Array {
    return this.#sections.find((s) => s.id === id)?.body ?? Uint8Array.of(0)
  }

  /** Function names of the custom "name" section, name → function index. */
  functionNames(): Map<string, number> {
    const names = new Map<string, number>()
    for (const section of this.#sections) {
      if (section.id !== SECTION.custom) continue
      const reader = new WasmReader(section.body)
      if (reader.name() !== 'name') continue
      while (!reader.done) {
        const kind = reader.byte()
        const part = new WasmReader(reader.take(reader.unsigned()))
        if (kind !== 1) continue
        const count = part.unsigned()
        if (count > MAX_NAMES) throw malformed('it names too many functions')
        for (let i = 0; i < count; i++) {
          const index = part.unsigned()
          names.set(part.name(), index)
        }
      }
    }
    return names
  }

  /**
   * Adds a mutable i32 global with value 0, exported as `name`; returns its index.
   * @throws FerryError `wasm.malformed` for a module that has no globals or no exports yet
   */
  addGlobal(name: string): number {
    for (const id of [SECTION.global, SECTION.export]) {
      if (!this.#sections.some((section) => section.id === id)) throw malformed(`it has no section ${id} to add to`)
    }
    const index = this.#importedGlobals + this.#definedGlobals + this.#addedGlobalCount++
    this.#addedGlobals.push(0x7f, 0x01, 0x41, 0x00, 0x0b)
    const label = new TextEncoder().encode(name)
    this.#addedExports.push(...encodeUnsigned(label.length), ...label, EXTERNAL.global, ...encodeUnsigned(index))
    this.#addedExportCount++
    return index
  }

  /**
   * Moves the body of a defined function to a new function at the end and gives the old index a new body, so that all
   * callers, the table and the exports reach the wrapper.
   * @param index function index of the original
   * @param wrapper builds the new body (locals and code), given the index under which the original can be called
   */
  wrapFunction(index: number, wrapper: (original: number) => Uint8Array): void {
    const slot = index - this.#importedFunctions
    if (slot < 0 || slot >= this.#bodies.length) throw malformed(`function ${index} is not defined in it`)
    const original = this.#importedFunctions + this.#bodies.length
    this.#bodies.push(this.#bodies[slot])
    this.#functionTypes.push(this.#functionTypes[slot])
    this.#bodies[slot] = wrapper(original)
  }

  /**
   * Replaces a piece of a defined function's code by another one of the same length.
   * @throws FerryError `wasm.malformed` where it is not in the function exactly once
   */
  replaceCode(index: number, piece: readonly number[], by: readonly number[]): void {
    const slot = index - this.#importedFunctions
    const body = Buffer.from(this.#bodies[slot] ?? [])
    const at = body.indexOf(Uint8Array.from(piece))
    const unique = at >= 0 && body.indexOf(Uint8Array.from(piece), at + 1) < 0
    if (!unique || by.length !== piece.length) throw malformed(`function ${index} has not the code to replace`)
    body.set(by, at)
    this.#bodies[slot] = body
  }

  /** How many parameters a defined function has. */
  parameterCount(index: number): number {
    const skip = (reader: WasmReader) => reader.take(reader.unsigned()).length
    const counts = readVector(this.#body(SECTION.type), (reader) => {
      if (reader.byte() !== FUNCTION_TYPE) throw malformed('a type is not that of a function')
      const count = skip(reader)
      skip(reader)
      return count
    })
    return counts[this.#functionTypes[index - this.#importedFunctions]]
  }

  /**
   * Index of the type of functions with these parameters and results, which some function of the module has.
   * @throws FerryError `wasm.malformed` when no function has it
   */
  functionType(parameters: readonly ValueType[], results: readonly ValueType[] = []): number {
    const wanted = [parameters, results].map((list) => list.map((type) => VALUE_TYPE[type]).join()).join(' ')
    const list = (reader: WasmReader) => Array.from({ length: reader.unsigned() }, () => reader.byte()).join()
    const types = readVector(this.#body(SECTION.type), (reader) => {
      if (reader.byte() !== FUNCTION_TYPE) throw malformed('a type is not that of a function')
      return `${list(reader)} ${list(reader)}`
    })
    const index = types.indexOf(wanted)
    if (index < 0) throw malformed(`no function takes ${parameters.join()} and gives ${results.join()}`)
    return index
  }

  /**
   * The memory that it defines can be seen by several threads.
   * @param maximum of pages of 64 KiB, which a shared memory must have
   * @throws FerryError `wasm.malformed` for a module that defines no memory
   */
  shareMemory(maximum: number): void {
    if (!this.#sections.some(({ id }) => id === SECTION.memory)) throw malformed('it defines no memory')
    this.#sharedPages = maximum
  }

  /** The binary with all changes. */
  emit(): Uint8Array<ArrayBuffer> {
    const parts: Uint8Array[] = [MAGIC]
    for (const section of this.#sections) {
      const body = this.#rewritten(section)
      const size = body.reduce((sum, part) => sum + part.length, 0)
      parts.push(Uint8Array.of(section.id, ...encodeUnsigned(size)), ...body)
    }
    return joined(parts)
  }

  #rewritten({ id, body }: Section): Uint8Array[] {
    if (id === SECTION.function) {
      return [Uint8Array.from([this.#functionTypes.length, ...this.#functionTypes].flatMap(encodeUnsigned))]
    }
    if (id === SECTION.code) {
      const parts: Uint8Array[] = [Uint8Array.from(encodeUnsigned(this.#bodies.length))]
      for (const code of this.#bodies) parts.push(Uint8Array.from(encodeUnsigned(code.length)), code)
      return parts
    }
    if (id === SECTION.memory && this.#sharedPages !== null) {
      const reader = new WasmReader(body)
      // One memory is all that there can be; its flags are replaced.
      const count = reader.unsigned()
      reader.byte()
      const limits = [0x03, ...encodeUnsigned(reader.unsigned()), ...encodeUnsigned(this.#sharedPages)]
      return [Uint8Array.of(count, ...limits)]
    }
    if (id === SECTION.global) return extended(body, this.#addedGlobalCount, this.#addedGlobals)
    if (id === SECTION.export) return extended(body, this.#addedExportCount, this.#addedExports)
    return [body]
  }
}

/** A vector section with `count` more elements, given as bytes. */
function extended(body: Uint8Array, count: number, added: readonly number[]): Uint8Array[] {
  const reader = new WasmReader(body)
  const before = reader.unsigned()
  return [Uint8Array.from(encodeUnsigned(before + count)), reader.rest(), Uint8Array.from(added)]
}

function readVector<T>(body: Uint8Array, element: (reader: WasmReader) => T): T[] {
  const reader = new WasmReader(body)
  const count = reader.unsigned()
  // Every element takes a byte at least: refuse a count before making room for it.
  if (count > body.length) throw malformed('a vector is longer than its section')
  return Array.from({ length: count }, () => element(reader))
}

function countImports(body: Uint8Array): { functions: number; globals: number } {
  const reader = new WasmReader(body)
  let functions = 0
  let globals = 0
  for (let left = reader.unsigned(); left > 0; left--) {
    reader.name()
    reader.name()
    const kind = skipImport(reader, reader.byte())
    if (kind === EXTERNAL.function) functions++
    if (kind === EXTERNAL.global) globals++
  }
  return { functions, globals }
}

/**
 * Goes past what follows the names and the kind of an import.
 * @returns the kind
 * @throws FerryError `wasm.malformed`
 */
export function skipImport(reader: WasmReader, kind: number): number {
  const skipLimits = () => {
    const bounded = reader.byte() & 1
    reader.unsigned()
    if (bounded) reader.unsigned()
  }
  if (kind === EXTERNAL.function) reader.unsigned()
  else if (kind === EXTERNAL.memory) skipLimits()
  else if (kind === EXTERNAL.global) reader.take(2)
  else if (kind === EXTERNAL.table) {
    reader.byte()
    skipLimits()
  } else throw malformed(`an import has the unknown kind ${kind}`)
  return kind
}
