/** The independent verifier accepts what really crossed and rejects what was tampered with. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseLink } from '../../engine/migration/link.ts'
import { TYPE, encodeHeader } from '../../engine/migration/protocol/frame.ts'
import type { Stage } from '../../engine/migration/protocol/frame.ts'
import { FileRecorder, MemoryRecorder } from '../../engine/migration/protocol/recorder.ts'
import { verifyFile, verifyStream } from '../../engine/migration/verify-stream.ts'
import { parseFrames, parseRecording } from '../../engine/migration/verify-parse.ts'
import type { ParsedFrame } from '../../engine/migration/verify-parse.ts'
import type { MigrationResult } from '../../engine/migration/source-options.ts'
import type { SourceOptions } from '../../engine/migration/source-options.ts'
import { World } from './world.ts'

async function record(extra: Partial<SourceOptions>): Promise<{ bytes: Uint8Array; result: MigrationResult }> {
  const world = await World.start()
  try {
    const machine = world.guest()
    await machine.resume()
    const recorder = new MemoryRecorder()
    const result = await world.migrate(machine, { recorder, verify: 'all', ...extra }).finished
    return { bytes: recorder.bytes(), result }
  } finally {
    await world.stop()
  }
}

test.each(['pre-copy', 'stop-and-copy'] as const)('accepts %s and counts what the report counts', async (algorithm) => {
  const { bytes, result } = await record({ algorithms: [algorithm] })
  const verdict = verifyStream(bytes)
  expect(verdict.problems).toEqual([])
  expect(verdict).toMatchObject({ ok: true, outcome: 'completed', algorithm, session: 'run-guest-1', rehearsals: 3 })
  const sum = (key: 'pages_sent' | 'pages_retransmitted' | 'zero_pages'): number =>
    verdict.blocks.reduce((total, block) => total + block[key], 0)
  expect(sum('pages_sent')).toBe(result.report.pages_sent)
  expect(sum('pages_retransmitted')).toBe(result.report.pages_retransmitted)
  expect(sum('zero_pages')).toBe(result.statistics.zero_pages)
  expect(verdict.rounds).toBe(result.report.rounds.length)
  expect(verdict.state_bytes).toBe(result.statistics.state_bytes)
  expect(verdict.bytes.source_to_target).toBe(result.report.bytes_sent_B)
})

test.each(['pull-copy', 'hybrid'] as const)(
  'follows %s beyond the switch-over, over both connections',
  async (algorithm) => {
    const { bytes, result } = await record({ algorithms: [algorithm], policy: { hybridRounds: 1 } })
    const verdict = verifyStream(bytes)
    expect(verdict.problems).toEqual([])
    expect(verdict).toMatchObject({ ok: true, outcome: 'completed', algorithm, recoveries: 0 })
    const sum = (key: 'pages_sent' | 'pages_retransmitted' | 'zero_pages'): number =>
      verdict.blocks.reduce((total, block) => total + block[key], 0)
    expect(sum('pages_sent')).toBe(result.report.pages_sent)
    expect(sum('pages_retransmitted')).toBe(result.report.pages_retransmitted)
    expect(sum('zero_pages')).toBe(result.statistics.zero_pages)
    expect(verdict.bytes.source_to_target).toBe(result.report.bytes_sent_B)
    expect(verdict.bytes.target_to_source).toBe(result.statistics.bytes_received)
    const [ram] = verdict.blocks
    expect(ram.pages_resent).toBe(0)
    if (algorithm === 'pull-copy') expect(ram).toMatchObject({ pages_sent: ram.pages, pages_retransmitted: 0 })
    else expect(ram.pages_retransmitted).toBe(ram.pages_sent - ram.pages)
  },
)

test('accepts a migration over a shaped link, and with streamed last pages', async () => {
  const { bytes } = await record({ link: parseLink('500M,1ms,1ms'), tuning: { inlinePages: 0, batchPages: 64 } })
  expect(verifyStream(bytes).problems).toEqual([])
})

test('a refused and a cancelled migration are no faults of the stream', async () => {
  const refused = await record({ formatVersion: 9 })
  expect(verifyStream(refused.bytes)).toMatchObject({ ok: true, outcome: 'refused' })
  const world = await World.start()
  const machine = world.guest()
  await machine.resume()
  const recorder = new MemoryRecorder()
  const migration = world.migrate(machine, {
    recorder,
    onMessage: ({ type }) => {
      if (type === 'ROUND_END') migration.cancel()
    },
  })
  await migration.finished
  expect(verifyStream(recorder.bytes())).toMatchObject({ ok: true, outcome: 'aborted' })
  await world.stop()
})

test('a recording in a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-record-'))
  try {
    const path = join(folder, 'run.ferryrec')
    const recorder = new FileRecorder(path)
    await record({ recorder })
    await recorder.close()
    expect((await verifyFile(path)).problems).toEqual([])
    expect((await readFile(path)).length).toBeGreaterThan(1 << 20)
    await expect(verifyFile(join(folder, 'none'))).rejects.toMatchObject({ code: 'recording.read' })
    const nowhere = new FileRecorder(join(folder, 'no', 'such'))
    const { result } = await record({ recorder: nowhere })
    expect(result.outcome).toBe('completed')
    await expect(nowhere.close()).rejects.toMatchObject({ code: 'recording.write' })
  } finally {
    await rm(folder, { recursive: true })
  }
})

/** A recording of these frames, with headers and CRCs made right again: only the story is wrong. */
function retell(frames: readonly ParsedFrame[], backward: Uint8Array): Uint8Array {
  const recorder = new MemoryRecorder()
  frames.forEach((frame, i) => {
    const header = encodeHeader(frame.type, frame.optional ? 1 : 0, frame.stage as Stage, i, [frame.payload])
    recorder.record('source-to-target', [header, frame.payload], 0)
  })
  recorder.record('target-to-source', [backward], 0)
  return recorder.bytes()
}

describe('rejects', () => {
  let bytes: Uint8Array
  let frames: readonly ParsedFrame[]
  let backward: Uint8Array
  beforeAll(async () => {
    bytes = (await record({ tuning: { batchPages: 512, rehearsals: 1 } })).bytes
    const parsed = parseRecording(bytes)
    frames = parseFrames(parsed.connections[0].forward).frames.filter((f) => f.type !== TYPE.KEEPALIVE)
    backward = parsed.connections[0].backward
  })
  afterAll(() => {
    frames = []
  })

  test('nothing, when retold as it was', () => {
    expect(verifyStream(retell(frames, backward)).problems).toEqual([])
  })
  test('any frame left out', () => {
    frames.forEach((_, i) => {
      const verdict = verifyStream(retell(frames.toSpliced(i, 1), backward))
      expect(verdict.ok, `without frame ${i} of type ${frames[i]?.type}`).toBe(false)
    })
  })
  test('any frame told twice', () => {
    frames.forEach((frame, i) => {
      const verdict = verifyStream(retell(frames.toSpliced(i, 0, frame), backward))
      expect(verdict.ok, `frame ${i} of type ${frame.type} twice`).toBe(false)
    })
  })
  test('neighbours of different kinds exchanged', () => {
    frames.forEach((frame, i) => {
      const next = frames[i + 1]
      if (next === undefined || next.type === frame.type) return
      // A rehearsal may come between any two rounds: that is another true story.
      if (frame.type === TYPE.REHEARSAL || next.type === TYPE.REHEARSAL) return
      const verdict = verifyStream(retell(frames.toSpliced(i, 2, next, frame), backward))
      expect(verdict.ok, `frames ${i} and ${i + 1}`).toBe(false)
    })
  })
  test('any flipped byte', () => {
    const forward = 32
    for (let k = 0; k < 60; k++) {
      const changed = new Uint8Array(bytes)
      const at = forward + Math.floor(((changed.length - forward) * k) / 60)
      changed[at] = (changed[at] ?? 0) ^ 0x10
      const verdict = verifyStream(changed)
      // The times in the container are not part of the stream.
      const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
      const [now, before] = [changed, bytes].map((recording) => parseRecording(recording).connections)
      const untouched =
        now.length === before.length && same(now[0].forward, before[0].forward) && same(now[0].backward, backward)
      expect(verdict.ok).toBe(untouched)
    }
  })
  test('a page number outside of its block', () => {
    const i = frames.findLastIndex((f) => f.type === TYPE.PAGES)
    const frame = frames[i]
    const payload = Buffer.from(frame.payload)
    const count = payload.readUInt32LE(4) + payload.readUInt32LE(8)
    payload.writeUInt32LE(0x00ffffff, 16 + (count - 1) * 4)
    const verdict = verifyStream(retell(frames.toSpliced(i, 1, { ...frame, payload }), backward))
    expect(verdict.problems.join()).toMatch(/outside/)
  })
  test('a stream that ends early, and what is no recording', () => {
    expect(verifyStream(bytes.subarray(0, bytes.length >> 1))).toMatchObject({ ok: false, outcome: 'cut' })
    expect(verifyStream(new Uint8Array(100))).toMatchObject({ ok: false })
    expect(verifyStream(new Uint8Array(0))).toMatchObject({ ok: false })
    expect(verifyStream(retell(frames.slice(0, -1), backward)).problems.join()).toMatch(/before COMMIT/)
  })
})
