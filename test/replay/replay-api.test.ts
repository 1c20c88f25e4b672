/** A recording answers as the lab did, and does nothing. */
import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import * as v from 'valibot'
import { beforeAll, describe, expect, test } from 'vitest'
import { type EventName, EVENTS, type MethodName, METHODS } from '../../engine/contract/lab.ts'
import { readRecording } from '../../engine/recording/read.ts'
import { LabError } from '../../renderer/src/api/api.ts'
import type { RecordingModel } from '../../renderer/src/replay/model.ts'
import { ReplayApi } from '../../renderer/src/replay/replay-api.ts'
import { annotated } from '../../renderer/src/replay/annotated.ts'
import { SAMPLE, sampleModel } from './sample.ts'

let model: RecordingModel
let guest: string
let runs: readonly string[]
beforeAll(async () => {
  model = await sampleModel()
  guest = model.guests.latest?.[0]?.id ?? ''
  runs = model.runs.map(({ identity }) => identity.run_id)
})

/** Each question that a window asks, whatever it shows. */
const questions = (): readonly (readonly [MethodName, object])[] => [
  ['hosts.list', {}],
  ['guests.list', {}],
  ['images.list', {}],
  ['algorithms.list', {}],
  ['links.list', {}],
  ['guests.console', { guest }],
  ['guests.screen', { guest }],
  ['guests.pages', { guest }],
  ['guests.memory', { guest, rows: 64, frames: true }],
  ['guests.memory', { guest, rows: 64, frames: false }],
  ['guests.state', { guest, as: 'xen' }],
  ['guests.state', { guest, as: 'kvm' }],
  ['migrations.active', {}],
  ['runs.list', { limit: 20 }],
  ...runs.flatMap((run_id) => [
    ['runs.get', { run_id }] as const,
    ['runs.details', { run_id }] as const,
    ['runs.messages', { run_id, from: 0 }] as const,
    ['runs.messages', { run_id, from: 7 }] as const,
    ['runs.message', { run_id, index: 0 }] as const,
  ]),
]

async function ask(api: ReplayApi, method: MethodName, input: object): Promise<unknown> {
  try {
    return await api.call(method, input)
  } catch (thrown) {
    if (thrown instanceof LabError) return thrown.code
    throw thrown
  }
}

const asked = async (api: ReplayApi): Promise<unknown[]> =>
  Promise.all(questions().map(async ([method, input]) => [method, await ask(api, method, input)]))

describe('a recording', () => {
  test('keeps what was added to it in a copy, and all that it had', async () => {
    const file = new Uint8Array(await readFile(SAMPLE))
    const added = { bookmarks: [{ t: 5, title: 'Here' }], captions: [{ from: 1, to: 9, text: 'Look.' }] }
    const copy = await readRecording(new Uint8Array(await (await annotated(file, added)).arrayBuffer()))
    expect(copy.annotations).toEqual(added)
    expect(copy.entries.length).toBe(model.entries.length)
    expect(copy.complete).toBe(true)
  })

  test('has the migrations that it saw, each whole', () => {
    expect(model.runs.map(({ identity: { from, to }, report }) => [from, to, report?.outcome])).toEqual([
      ['xen', 'kvm', 'completed'],
      ['kvm', 'xen', 'completed'],
    ])
  })

  test('answers the same at a time, whichever way that was reached', async () => {
    const time = fc.double({ min: 0, max: model.duration_ms, noNaN: true })
    await fc.assert(
      fc.asyncProperty(fc.array(time, { maxLength: 4 }), time, time, async (ways, from, until) => {
        const t = Math.max(from, until)
        const played = new ReplayApi(model)
        for (const way of ways) played.jump(way)
        played.jump(Math.min(from, until))
        for (let at = Math.min(from, until); at < t;) {
          const next = Math.min(t, at + 333)
          played.advance(at, next)
          at = next
        }
        const sought = new ReplayApi(model)
        sought.jump(t)
        expect(await asked(played)).toEqual(await asked(sought))
      }),
      { numRuns: 25 },
    )
  })

  test('answers every method as the contract has it, or refuses by name', async () => {
    const api = new ReplayApi(model)
    for (const t of [0, model.duration_ms / 3, model.duration_ms]) {
      api.jump(t)
      for (const [method, input] of questions()) {
        const answer = await ask(api, method, input)
        if (typeof answer === 'string') expect(answer).toBe('replay.not-recorded')
        else expect(v.is(METHODS[method].output as v.GenericSchema, answer), `${method} at ${t}`).toBe(true)
      }
    }
    const known = new Set(questions().map(([method]) => method))
    for (const method of Object.keys(METHODS) as MethodName[])
      if (!known.has(method) && method !== 'migrations.wait')
        expect(await ask(api, method, { guest, run_id: 'r', name: 'xen' }), method).toMatch(/^replay\./)
  })

  test('tells each event once, in its order, at whatever pace it is played', () => {
    const tell = (step: number): unknown[] => {
      const api = new ReplayApi(model)
      const told: unknown[] = []
      for (const event of Object.keys(EVENTS) as EventName[]) api.on(event, (payload) => told.push([event, payload]))
      for (let at = -1; at < model.duration_ms; at += step) api.advance(at, at + step)
      return told
    }
    const all = model.entries.flatMap((entry) => ('event' in entry ? [[entry.event, entry.payload]] : []))
    expect(tell(17)).toEqual(all)
    expect(tell(4000)).toEqual(all)
  })

  test('lets who waits for a migration know its end when that is passed, not before', async () => {
    const [run] = model.runs
    if (run === undefined) throw new Error('no run')
    const api = new ReplayApi(model)
    api.jump(run.began_ms)
    let ended = false
    const waiting = api.call('migrations.wait', { run_id: run.identity.run_id }).then((report) => {
      ended = true
      return report
    })
    api.advance(run.began_ms, run.ended_ms - 0.5)
    await Promise.resolve()
    expect(ended).toBe(false)
    api.advance(run.ended_ms - 0.5, run.ended_ms)
    expect((await waiting).run_id).toBe(run.identity.run_id)
  })

  test('knows the console as it was, and no more', () => {
    const end = model.consoleOf(guest, model.duration_ms).text
    expect(end).toContain('uptime')
    for (const share of [0.1, 0.3, 0.7]) {
      const { text, position } = model.consoleOf(guest, share * model.duration_ms)
      expect(end.startsWith(text)).toBe(true)
      expect(position).toBe(text.length)
    }
  })

  test('has every stage, round and message of a migration only once they were told', async () => {
    const [run] = model.runs
    if (run === undefined) throw new Error('no run')
    const api = new ReplayApi(model)
    let before = -1
    for (let t = run.began_ms; t < run.ended_ms; t += (run.ended_ms - run.began_ms) / 9) {
      api.jump(t)
      const [active] = await api.call('migrations.active', {})
      const { messages } = await api.call('runs.messages', { run_id: run.identity.run_id, from: 0 })
      expect(active?.age_ms).toBeCloseTo(t - run.began_ms)
      expect(messages.length).toBeGreaterThanOrEqual(before)
      before = messages.length
    }
    api.jump(run.ended_ms)
    expect(await api.call('migrations.active', {})).toEqual([])
  })
})
