import { expect, test } from 'vitest'
import { patchV86 } from '../../engine/machine/patches.ts'
import { GLOBAL } from '../../engine/machine/v86/globals.ts'
import { patchedModule, readVerified, V86_VERSION, verifyDigest } from '../../engine/machine/v86/package.ts'
import { assertShape } from '../../engine/machine/v86/shape.ts'
import type { FerryError } from '../../engine/util/errors.ts'

function refusal(work: () => void): FerryError {
  try {
    work()
  } catch (thrown) {
    return thrown as FerryError
  }
  throw new Error('nothing was thrown')
}

test('the installed v86 is the pinned one', async () => {
  expect((await readVerified('libv86.mjs')).length).toBeGreaterThan(100_000)
})

test('another build of v86 is refused with its digest and what to do', async () => {
  const other = Uint8Array.from(await readVerified('v86.wasm'))
  other[other.length >> 1] ^= 1
  const error = refusal(() => verifyDigest('v86.wasm', other))
  expect(error.code).toBe('machine.v86-version')
  expect(error.message).toContain(V86_VERSION)
  expect(error.message).toContain('npm ci')
  expect(error.data).toMatchObject({ file: 'v86.wasm', expected: expect.stringMatching(/^[0-9a-f]{64}$/) as string })
  expect(error.data.found).not.toBe(error.data.expected)
})

test('a module without the page walk is refused, not patched somewhere else', async () => {
  const renamed = Buffer.from(await readVerified('v86.wasm'))
  for (let at = renamed.indexOf('do_page_walk'); at >= 0; at = renamed.indexOf('do_page_walk', at)) {
    renamed.write('do_page_talk', at)
  }
  expect(refusal(() => patchV86(renamed)).code).toBe('machine.v86-shape')
})

test('the patched module is valid and has the globals of its patches beside those of v86', async () => {
  const original = await readVerified('v86.wasm')
  const exports = WebAssembly.Module.exports(await patchedModule())
  const before = WebAssembly.Module.exports(new WebAssembly.Module(original))
  const added = Object.values(GLOBAL).map((name) => ({ name, kind: 'global' }))
  expect(exports.map(({ name, kind }) => ({ name, kind }))).toEqual([
    ...before.map(({ name, kind }) => ({ name, kind })),
    ...added,
  ])
})

test('a CPU object without a part that Ferry uses is refused by the name of the part', () => {
  const error = refusal(() => assertShape({ wasm_memory: {}, mem8: {} }))
  expect(error.code).toBe('machine.v86-shape')
  expect(error.data.path).toBe('io.ports')
})
