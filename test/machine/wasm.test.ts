import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readVerified } from '../../engine/machine/v86/package.ts'
import { importingSharedMemory } from '../../engine/machine/shared-memory-patch.ts'
import * as w from '../../engine/machine/wasm/code.ts'
import { encodeSigned, encodeUnsigned } from '../../engine/machine/wasm/leb128.ts'
import { WasmModule } from '../../engine/machine/wasm/module.ts'
import { WasmReader } from '../../engine/machine/wasm/reader.ts'
import { FerryError } from '../../engine/util/errors.ts'

// A module by hand: (import "env" "twice" (func (param i32) (result i32))), (global (mut i32) 7) exported as "seven",
// (func "run" (param i32) (result i32)) = twice(x) + 1, (func "again") = run(run(x)), names "twice", "run", "again".
const text = (value: string) => [value.length, ...new TextEncoder().encode(value)]
const section = (id: number, ...body: number[]) => [id, ...encodeUnsigned(body.length), ...body]
const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]
const TYPES = section(1, 1, 0x60, 1, 0x7f, 1, 0x7f)
const IMPORTS = section(2, 1, ...text('env'), ...text('twice'), 0x00, 0)
const FUNCTIONS = section(3, 2, 0, 0)
const GLOBALS = section(6, 1, 0x7f, 0x01, 0x41, 7, 0x0b)
const EXPORTS = section(7, 3, ...text('seven'), 3, 0, ...text('run'), 0, 1, ...text('again'), 0, 2)
const RUN = [0, 0x20, 0, 0x10, 0, 0x41, 1, 0x6a, 0x0b]
const AGAIN = [0, 0x20, 0, 0x10, 1, 0x10, 1, 0x0b]
const CODE = section(10, 2, RUN.length, ...RUN, AGAIN.length, ...AGAIN)
const names = [0, ...text('twice'), 1, ...text('run'), 2, ...text('again')]
const NAMES = section(0, ...text('name'), 1, names.length + 1, 3, ...names)
const SMALL = Uint8Array.from([
  ...HEADER,
  ...TYPES,
  ...IMPORTS,
  ...FUNCTIONS,
  ...GLOBALS,
  ...EXPORTS,
  ...CODE,
  ...NAMES,
])

type Run = (x: number) => number
function instantiate(binary: Uint8Array) {
  const imports = { env: { twice: (x: number) => 2 * x } }
  return new WebAssembly.Instance(new WebAssembly.Module(binary), imports).exports
}

test('a module that is not changed comes out byte for byte', async () => {
  expect(new WasmModule(SMALL).emit()).toEqual(SMALL)
  const bare = Uint8Array.from(HEADER)
  expect(new WasmModule(bare).emit()).toEqual(bare)
  const v86 = await readVerified('v86.wasm')
  expect(Buffer.compare(new WasmModule(v86).emit(), v86)).toBe(0)
})

test('the names of functions are found', () => {
  expect([...new WasmModule(SMALL).functionNames()]).toEqual([
    ['twice', 0],
    ['run', 1],
    ['again', 2],
  ])
})

test('a wrapped function is reached by its callers and its export, and can call the original', () => {
  const plain = instantiate(SMALL)
  expect((plain.again as Run)(5)).toBe(23)
  const module = new WasmModule(SMALL)
  // run(x) becomes run(x + 10) − 1
  module.wrapFunction(1, (original) =>
    w.body(0, w.sub(w.call(original, w.add(w.get(0), w.constant(10))), w.constant(1))),
  )
  const wrapped = instantiate(module.emit())
  expect((wrapped.run as Run)(5)).toBe(30)
  expect((wrapped.again as Run)(5)).toBe(80)
})

test('an added global starts at 0, can be set from outside and read inside, and moves no other', () => {
  const module = new WasmModule(SMALL)
  const first = module.addGlobal('first')
  const second = module.addGlobal('second')
  module.wrapFunction(1, (original) =>
    w.body(0, w.add(w.call(original, w.get(0)), w.sub(w.getGlobal(first), w.getGlobal(second)))),
  )
  const exports = instantiate(module.emit())
  expect((exports.run as Run)(3)).toBe(7)
  ;(exports.first as WebAssembly.Global).value = 100
  ;(exports.second as WebAssembly.Global).value = 30
  expect((exports.run as Run)(3)).toBe(77)
  expect((exports.seven as WebAssembly.Global).value).toBe(7)
})

test('a wrapper may have locals, blocks and conditions', () => {
  const module = new WasmModule(SMALL)
  module.wrapFunction(1, (original) =>
    w.body(
      1,
      w.set(1, w.constant(-1)),
      w.block(w.leaveIf(w.notNegative(w.get(0))), w.set(1, w.call(original, w.get(0)))),
      w.when(w.atLeast(w.get(0), w.constant(-4)), w.giveBack(w.constant(99))), // unsigned
      w.choose(w.differs(w.get(1), w.constant(-1)), w.get(1), w.shiftRight(w.get(0), 1)),
    ),
  )
  const run = instantiate(module.emit()).run as Run
  expect([run(-10), run(8), run(-3)]).toEqual([-19, 4, 99])
})

test('what cannot be changed is refused and not emitted broken', () => {
  const small = () => new WasmModule(SMALL)
  const refused = expect.objectContaining({ code: 'wasm.malformed' }) as Error
  expect(() => small().wrapFunction(0, () => w.body(0))).toThrow(refused) // imported
  expect(() => small().wrapFunction(3, () => w.body(0))).toThrow(refused)
  expect(() => new WasmModule(Uint8Array.from([...HEADER, ...TYPES])).addGlobal('x')).toThrow(refused)
})

const readAll = (bytes: Uint8Array) => {
  const module = new WasmModule(bytes)
  module.functionNames()
  module.emit()
}
function expectOnlyTypedErrors(work: () => void): void {
  try {
    work()
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(FerryError)
    expect((thrown as FerryError).code).toMatch(/^wasm\./)
  }
}

test('every truncated module is refused or read, never anything else', () => {
  for (let length = 0; length < 8; length++) {
    expect(() => readAll(SMALL.slice(0, length))).toThrow(expect.objectContaining({ code: 'wasm.malformed' }))
  }
  for (let length = 8; length < SMALL.length; length++) expectOnlyTypedErrors(() => readAll(SMALL.slice(0, length)))
})

test('garbage gives wasm errors only', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (body) =>
      expectOnlyTypedErrors(() => readAll(Uint8Array.from([...HEADER, ...body]))),
    ),
    { numRuns: 500 },
  )
})

test('a damaged module gives wasm errors only', () => {
  const place = fc.tuple(fc.integer({ min: 0, max: SMALL.length - 1 }), fc.integer({ min: 0, max: 255 }))
  fc.assert(
    fc.property(fc.array(place, { minLength: 1, maxLength: 4 }), (changes) => {
      const damaged = SMALL.slice()
      for (const [at, byte] of changes) damaged[at] = byte
      expectOnlyTypedErrors(() => readAll(damaged))
    }),
    { numRuns: 1000 },
  )
})

test('integers read as they were written', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
      const reader = new WasmReader(Uint8Array.from(encodeUnsigned(value)))
      return reader.unsigned() === value && reader.done
    }),
  )
  expect(encodeSigned(-1)).toEqual([0x7f])
  expect(encodeSigned(64)).toEqual([0xc0, 0x00])
  expect(encodeSigned(-0x80000000)).toEqual([0x80, 0x80, 0x80, 0x80, 0x78])
  expect(() => new WasmReader(Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x10)).unsigned()).toThrow(
    expect.objectContaining({ code: 'wasm.malformed' }),
  )
})

// (import "e" "f" (func)), (import "e" "m" (memory 1)), (func (export "g") (param i32) (result i32)) = the byte there
const READER = Uint8Array.from([
  ...HEADER,
  ...section(1, 2, 0x60, 0, 0, 0x60, 1, 0x7f, 1, 0x7f),
  ...section(2, 2, ...text('e'), ...text('f'), 0, 0, ...text('e'), ...text('m'), 2, 0, 1),
  ...section(3, 1, 1),
  ...section(7, 1, ...text('g'), 0, 1),
  ...section(10, 1, 7, 0, 0x20, 0, 0x2d, 0, 0, 0x0b),
])

test('code that imports a memory imports a shared one, and is the same but for that', () => {
  // The types that come with Node know no arguments of it.
  const memory = Reflect.construct(WebAssembly.Memory, [{ initial: 1, maximum: 65_536, shared: true }]) as {
    buffer: SharedArrayBuffer
  }
  new Uint8Array(memory.buffer)[77] = 42
  const imports = { e: { f: () => undefined, m: memory } }
  expect(() => new WebAssembly.Instance(new WebAssembly.Module(READER), imports)).toThrow(/memory/)
  const changed = new WebAssembly.Module(importingSharedMemory(READER))
  const { exports } = new WebAssembly.Instance(changed, imports)
  expect((exports.g as Run)(77)).toBe(42)
})

test('code that imports no memory is refused', () => {
  expect(() => importingSharedMemory(SMALL)).toThrow(expect.objectContaining({ code: 'machine.v86-shape' }))
})

test('a module that defines no memory cannot have a shared one', () => {
  expect(() => new WasmModule(SMALL).shareMemory(65_536)).toThrow(expect.objectContaining({ code: 'wasm.malformed' }))
})

test('a piece of code is replaced where it stands exactly once, by one of its length', () => {
  const [one, two] = [1, 2].map((value) => [0x41, value, 0x6a])
  const module = new WasmModule(SMALL)
  module.replaceCode(1, one, two)
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.emit()), {
    env: { twice: (x: number) => 2 * x },
  })
  expect((exports.run as Run)(20)).toBe(42)
  const refused: readonly (readonly [number, number[], number[]])[] = [
    [1, one, two],
    [1, two, [...two, 0x01]],
    [2, [0x10, 1], [0x10, 0]],
    [9, one, two],
  ]
  for (const [index, piece, by] of refused) {
    expect(() => module.replaceCode(index, piece, by)).toThrow(expect.objectContaining({ code: 'wasm.malformed' }))
  }
})
