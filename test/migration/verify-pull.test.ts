/** The independent verifier on what follows the switch-over: rejects every story that is not true. */
import { beforeAll, describe, expect, test } from 'vitest'
import { TYPE, encodeHeader } from '../../engine/migration/protocol/frame.ts'
import type { Stage } from '../../engine/migration/protocol/frame.ts'
import { MemoryRecorder } from '../../engine/migration/protocol/recorder.ts'
import type { WireDirection } from '../../engine/migration/protocol/recorder.ts'
import { verifyStream } from '../../engine/migration/verify-stream.ts'
import { parseFrames, parseRecording } from '../../engine/migration/verify-parse.ts'
import type { ParsedFrame } from '../../engine/migration/verify-parse.ts'
import { World } from './world.ts'

type Story = Record<WireDirection, readonly ParsedFrame[]>[]

/** A recording of these frames, with headers and CRCs made right again: only the story is wrong. */
function retell(story: Story): Uint8Array {
  const recorder = new MemoryRecorder()
  for (const [i, connection] of story.entries()) {
    const into = i === 0 ? recorder : recorder.channel()
    for (const way of ['source-to-target', 'target-to-source'] as const) {
      connection[way].forEach(({ type, optional, stage, payload }, sequence) => {
        const header = encodeHeader(type, optional ? 1 : 0, stage as Stage, sequence, [payload])
        into.record(way, [header, payload], 0)
      })
    }
  }
  return recorder.bytes()
}

describe.each(['pull-copy', 'hybrid'] as const)('%s', (algorithm) => {
  let story: Story

  beforeAll(async () => {
    const world = await World.start()
    const machine = world.guest({ source: { dirtyPerMs: 20, workingSet: 1500 } })
    await machine.resume()
    const recorder = new MemoryRecorder()
    const policy = { hybridRounds: 1 }
    const tuning = { batchPages: 512, pushPages: 200, rehearsals: 1 }
    await world.migrate(machine, { algorithms: [algorithm], recorder, verify: 'all', policy, tuning }).finished
    await world.stop()
    const telling = (bytes: Buffer, n: number) => parseFrames(bytes, n).frames.filter((f) => f.type !== TYPE.KEEPALIVE)
    story = parseRecording(recorder.bytes()).connections.map(({ number, forward, backward }) => ({
      'source-to-target': telling(forward, number),
      'target-to-source': telling(backward, number),
    }))
  })

  /** The story with the frames of one direction of a connection changed. */
  const changed = (connection: number, way: WireDirection, frames: readonly ParsedFrame[]): Uint8Array =>
    retell(story.with(connection, { ...story[connection], [way]: frames }))

  const everyFrame = (): { connection: number; way: WireDirection; i: number; frame: ParsedFrame }[] =>
    story.flatMap((frames, connection) =>
      (['source-to-target', 'target-to-source'] as const).flatMap((way) =>
        frames[way].map((frame, i) => ({ connection, way, i, frame })),
      ),
    )

  test('accepts it as it was', () => {
    expect(story).toHaveLength(2)
    expect(verifyStream(retell(story))).toMatchObject({ problems: [], outcome: 'completed' })
  })

  test('rejects it with any frame left out or told twice', () => {
    for (const { connection, way, i, frame } of everyFrame()) {
      // A page may be asked for while it is under way: with or without that the story is true.
      if (frame.type === TYPE.PAGE_REQ) continue
      const { [way]: frames } = story[connection]
      const where = `${way} ${i} of connection ${connection}, of type ${frame.type}`
      expect(verifyStream(changed(connection, way, frames.toSpliced(i, 1))).ok, `without ${where}`).toBe(false)
      expect(verifyStream(changed(connection, way, frames.toSpliced(i, 0, frame))).ok, `twice ${where}`).toBe(false)
    }
  })

  test('rejects it without the connection for missing pages', () => {
    expect(verifyStream(retell(story.slice(0, 1))).ok).toBe(false)
  })

  function edited(type: number, edit: (payload: Buffer) => unknown): Uint8Array {
    const found = everyFrame().findLast(({ frame }) => frame.type === type)
    if (found === undefined) throw new Error(`no frame of type ${type}`)
    const payload = Buffer.from(found.frame.payload)
    edit(payload)
    const frames = story[found.connection][found.way].with(found.i, { ...found.frame, payload })
    return changed(found.connection, found.way, frames)
  }

  test.each<readonly [string, number, (payload: Buffer) => unknown, RegExp]>([
    ['a page that was said to be there', TYPE.MISSING, (p) => p.fill(0, 8), /not missing|never travelled/],
    // The last digit becomes its neighbour, whatever it is.
    ['another count of pages at the end', TYPE.PULL_END, (p) => (p[p.length - 2] ^= 1), /pages travelled/],
    ['pages missing of another block', TYPE.MISSING, (p) => p.fill(1, 0, 1), /not of RAM/],
    ['another token', TYPE.CHANNEL, (p) => p.write('00000000', p.indexOf('"channel":"') + 11), /another token/],
    ['another purpose', TYPE.CHANNEL, (p) => p.write('pagesX', p.indexOf('"pages"') + 1), /./],
  ])('rejects %s', (_, type, edit, problem) => {
    const verdict = verifyStream(edited(type, edit))
    expect(verdict.problems.join('\n')).toMatch(problem)
    expect(verdict.ok).toBe(false)
  })

  test('any cut-off recording is no completed migration, and nothing of it throws', () => {
    const bytes = retell(story)
    for (let k = 1; k < 40; k++) {
      const verdict = verifyStream(bytes.subarray(0, Math.floor((bytes.length * k) / 40)))
      expect(verdict.ok).toBe(false)
    }
  })
})
