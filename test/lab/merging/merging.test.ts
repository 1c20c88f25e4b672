/** Measurements of another store, handed over piece by piece. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MergedView } from '../../../engine/contract/merging.ts'
import { MOST_PIECE_BYTES } from '../../../engine/contract/uploads.ts'
import { openStore } from '../../../engine/lab/store/run-store.ts'
import { mergeFile } from '../../../renderer/src/views/experiments/merge-files.ts'
import { MACHINE, openLabAs } from '../experiments/plans.ts'
import { sampleParts, sampleReport } from '../store/samples.ts'

const folder = mkdtempSync(join(tmpdir(), 'ferry-merging-test-'))
const path = join(folder, 'other.sqlite')
let bytes: Buffer
beforeAll(() => {
  const store = openStore(path)
  for (const i of [1, 2]) store.saveRun(sampleReport(i), sampleParts(i))
  store.close()
  bytes = readFileSync(path)
})
afterAll(() => rmSync(folder, { recursive: true }))

const fileOf = (content: Uint8Array<ArrayBuffer>, name: string) => new File([content], name)

describe('result files that a front end opens', () => {
  it('bring their runs, once, and tell that lists are to be read anew', async () => {
    const lab = openLabAs(MACHINE)
    const told: MergedView[] = []
    lab.on('runs.merged', (merged) => told.push(merged))
    const sent: number[] = []
    const first = await mergeFile(lab, fileOf(Uint8Array.from(bytes), 'shard-1.sqlite'), (sent_B) => sent.push(sent_B))
    expect(first).toEqual({ name: 'shard-1.sqlite', refused: false, text: '2 runs and 0 experiments came.' })
    expect(sent.at(-1)).toBe(bytes.length)
    expect(sent.length).toBe(Math.ceil(bytes.length / MOST_PIECE_BYTES))
    expect((await lab.call('runs.list', {})).map(({ run_id }) => run_id).sort()).toEqual(['run-1', 'run-2'])
    const again = await mergeFile(lab, fileOf(Uint8Array.from(bytes), 'shard-1.sqlite'), () => undefined)
    expect(again.text).toBe('0 runs and 0 experiments came; 2 runs and 0 experiments were here already.')
    expect(told).toHaveLength(2)
  })
  it.each([
    ['no database', Buffer.from('not a database at all, but longer than its header of 100 bytes. '.repeat(4))],
    ['nothing', Buffer.alloc(0)],
  ])('are refused by name where they are %s, and nothing changes', async (_, content) => {
    const lab = openLabAs(MACHINE)
    const outcome = await mergeFile(lab, fileOf(Uint8Array.from(content), 'notes.txt'), () => undefined)
    if (content.length > 0) {
      expect(outcome.refused).toBe(true)
      expect(outcome.text).toContain('"notes.txt" does not hold measurements of Ferry')
    } else expect(outcome.text).toBe('It holds no runs.')
    expect(await lab.call('runs.list', {})).toEqual([])
  })
  it('that say something else of a run are refused as a whole', async () => {
    const changed = join(folder, 'changed.sqlite')
    const store = openStore(changed)
    store.saveRun(sampleReport(1, { downtime_ms: 1 }), sampleParts(1))
    store.saveRun(sampleReport(3), sampleParts(3))
    store.close()
    const lab = openLabAs(MACHINE)
    await mergeFile(lab, fileOf(Uint8Array.from(bytes), 'a.sqlite'), () => undefined)
    const outcome = await mergeFile(lab, fileOf(Uint8Array.from(readFileSync(changed)), 'b.sqlite'), () => undefined)
    expect(outcome.refused).toBe(true)
    expect(outcome.text).toContain('run-1 is in both stores with different content')
    expect(await lab.call('runs.list', {})).toHaveLength(2)
  })
})
