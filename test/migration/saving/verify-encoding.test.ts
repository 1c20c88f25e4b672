/** The independent verifier decodes what travelled in place of pages, and tells what was tampered with. */
import { beforeAll, describe, expect, test } from 'vitest'
import { parseLink } from '../../../engine/migration/link.ts'
import { TYPE, encodeHeader } from '../../../engine/migration/protocol/frame.ts'
import type { Stage } from '../../../engine/migration/protocol/frame.ts'
import { parseFrames, parseRecording } from '../../../engine/migration/verify-parse.ts'
import type { ParsedFrame } from '../../../engine/migration/verify-parse.ts'
import { verifyStream } from '../../../engine/migration/verify-stream.ts'
import { MemoryRecorder, World } from '../world.ts'

let forward: readonly ParsedFrame[]
let backward: readonly ParsedFrame[]

beforeAll(async () => {
  const world = await World.start()
  try {
    const machine = world.guest({ source: { dirtyPerMs: 8, workingSet: 400 } })
    await machine.resume()
    const recorder = new MemoryRecorder()
    const savings = { zero: true, delta: true, compress: 'zstd' } as const
    const options = { recorder, savings, algorithms: ['pre-copy'], link: parseLink('100M') } as const
    expect((await world.migrate(machine, options).finished).error).toBeNull()
    const [main] = parseRecording(recorder.bytes()).connections
    forward = parseFrames(main.forward).frames
    backward = parseFrames(main.backward).frames
  } finally {
    await world.stop()
  }
})

/** The verdict on these frames, with headers and CRCs made right again. */
function retold(there: readonly ParsedFrame[], back: readonly ParsedFrame[] = backward) {
  const recorder = new MemoryRecorder()
  for (const [direction, frames] of [
    ['source-to-target', there],
    ['target-to-source', back],
  ] as const) {
    frames.forEach(({ type, optional, stage, payload }, i) => {
      const header = encodeHeader(type, optional ? 1 : 0, stage as Stage, i, [payload])
      recorder.record(direction, [header, payload], 0)
    })
  }
  return verifyStream(recorder.bytes())
}

/** With the last frame that has these flags of PAGES changed. */
function changed(flags: number, change: (payload: Buffer) => void) {
  const at = forward.findLastIndex(({ type, payload }) => type === TYPE.PAGES && (payload[1] & flags) === flags)
  const payload = Buffer.from(forward[at].payload)
  change(payload)
  return retold(forward.with(at, { ...forward[at], payload })).problems.join('\n')
}

const [DELTAS, ZSTD] = [2, 8]

describe('a stream with savings', () => {
  test('is right as it was', () => {
    const { problems, savings } = retold(forward)
    expect(problems).toEqual([])
    expect(savings.delta_pages).toBeGreaterThan(0)
    expect(savings.compressed_frames).toBeGreaterThan(0)
  })
  test('is wrong with another CRC of its pages', () => {
    expect(changed(ZSTD, (payload) => (payload[12] ^= 1))).toMatch(/CRC of the pages/)
    expect(changed(DELTAS, (payload) => (payload[15] ^= 1))).toMatch(/CRC of the pages/)
  })
  test('is wrong with any byte of what travels in place of pages changed', () => {
    for (let back = 1; back < 200; back += 9) {
      expect(changed(DELTAS, (payload) => (payload[Math.max(24, payload.length - back)] ^= 0x11))).not.toBe('')
    }
  })
  test('is wrong with another compression, with two, or with an unknown flag', () => {
    expect(changed(ZSTD, (payload) => (payload[1] ^= ZSTD | 4))).not.toBe('')
    expect(changed(ZSTD, (payload) => (payload[1] |= 4))).toMatch(/reserved flags/)
    expect(changed(ZSTD, (payload) => (payload[1] |= 16))).toMatch(/reserved flags/)
  })
  test('is wrong where it was not agreed on, or not offered', () => {
    const answer = (savings: readonly string[]) =>
      backward.map((frame) => {
        if (frame.type !== TYPE.REQ_OK) return frame
        const body = { ...(JSON.parse(frame.payload.toString()) as object), savings }
        return { ...frame, payload: Buffer.from(JSON.stringify(body)) }
      })
    expect(retold(forward, answer(['zstd'])).problems.join()).toMatch(/by delta, which was not agreed on/)
    expect(retold(forward, answer([])).problems.join()).toMatch(/by zstd, which was not agreed on/)
    expect(retold(forward, answer([])).problems.join()).toMatch(/by zero, which was not agreed on/)
    expect(retold(forward, answer(['delta', 'zstd', 'deflate'])).problems.join()).toMatch(/deflate was agreed on/)
  })
})
