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
  const small = spare.take(MIB / 2)
  spare.give(small)
  expect(spare.take(MIB).buffer).not.toBe(small.buffer)
  expect(spare.take(16).buffer).not.toBe(small.buffer)
  const gone = spare.take(MIB)
  structuredClone(gone, { transfer: [gone.buffer] })
  spare.give(gone)
  expect(spare.take(MIB).length).toBe(MIB)
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
