import { expect, test } from 'vitest'
import { SentBuffers, SpareBuffers } from '../../engine/migration/protocol/spare-buffers.ts'

const MIB = 1 << 20

test('a buffer that was given back is used again for what fits into it', () => {
  const spare = new SpareBuffers(2)
  const first = spare.take(MIB)
  spare.give(first)
  const second = spare.take(MIB / 2)
  expect(second.buffer).toBe(first.buffer)
  expect(second.length).toBe(MIB / 2)
  expect(spare.take(MIB / 2).buffer).not.toBe(first.buffer)
})

test('what does not fit, small ones, and one that went to another thread are new', () => {
  const spare = new SpareBuffers(4)
  const usual = spare.take(MIB)
  spare.give(usual)
  expect(spare.take(2 * MIB).buffer).not.toBe(usual.buffer)
  expect(spare.take(16).buffer).not.toBe(usual.buffer)
  const gone = spare.take(MIB)
  structuredClone(gone, { transfer: [gone.buffer] })
  spare.give(gone)
  expect(spare.take(MIB).length).toBe(MIB)
})

test('buffers of frames of any size up to a batch serve the next ones: none is made after the first few', () => {
  const spare = new SpareBuffers(2)
  const made = new Set<ArrayBuffer>()
  for (const bytes of [MIB / 4, MIB / 8, MIB + 4096, MIB / 2, MIB + 1024, MIB / 3, MIB + 4096]) {
    const [a, b] = [spare.take(bytes), spare.take(bytes)]
    for (const { buffer } of [a, b]) made.add(buffer)
    spare.give(a)
    spare.give(b)
  }
  expect(made.size).toBe(2)
})

test('a buffer that is given back twice is given out once', () => {
  const spare = new SpareBuffers(4)
  const one = spare.take(MIB)
  spare.give(one)
  spare.give(one.subarray(0, 100))
  expect(spare.take(MIB).buffer).toBe(one.buffer)
  expect(spare.take(MIB).buffer).not.toBe(one.buffer)
})

test('no more than a few are kept', () => {
  const spare = new SpareBuffers(1)
  const [a, b] = [spare.take(MIB), spare.take(MIB)]
  spare.give(a)
  spare.give(b)
  expect(spare.take(MIB).buffer).toBe(a.buffer)
  expect(spare.take(MIB).buffer).not.toBe(b.buffer)
})

test('a buffer is not used again before its bytes have left', () => {
  const sent = new SentBuffers(2)
  const first = sent.take(MIB, 0)
  sent.sent(first, 100)
  expect(sent.take(MIB, 99).buffer).not.toBe(first.buffer)
  expect(sent.take(MIB, 100).buffer).toBe(first.buffer)
})
