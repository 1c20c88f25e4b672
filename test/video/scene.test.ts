/** What a video says of a moment of a recording. */
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { RecordingModel } from '../../renderer/src/replay/model.ts'
import { msOrDash } from '../../renderer/src/state/units.ts'
import { type Scene, Scenes } from '../../renderer/src/video/scene.ts'
import { sampleModel } from '../replay/sample.ts'

let model: RecordingModel
beforeAll(async () => {
  model = await sampleModel()
})

const scenes = () =>
  new Scenes(model, 'A lesson', {
    bookmarks: [],
    captions: [{ from: 1000, to: 2000, text: 'Said then' }],
  })

/** All of it, as plain values: probes and throughput are only lent. */
function plain({ run, link, ...rest }: Scene): unknown {
  const probes: number[][] = []
  run?.probes.log.each((sent, rtt) => probes.push([sent, rtt]))
  const { series, ...of } = link
  return structuredClone({
    ...rest,
    link: { ...of, points: [...(series?.points ?? [])] },
    run: run === null ? null : { ...run, probes: { ...run.probes, log: probes } },
  })
}

describe('a scene', () => {
  test('is the same however its time was arrived at', () => {
    const walked = scenes()
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (share) => {
        const t = share * model.duration_ms
        expect(plain(walked.at(t))).toEqual(plain(scenes().at(t)))
      }),
      { numRuns: 60 },
    )
  })

  test('has both hosts, and the guest on the one where it was', () => {
    for (const run of model.runs) {
      const before = scenes().at(run.began_ms)
      expect(before.hosts.map(({ name }) => name)).toEqual(['xen', 'kvm'])
      const after = scenes().at(Math.min(model.duration_ms, run.ended_ms + 100))
      const where = (scene: Scene) => scene.hosts.find(({ guests }) => guests.length > 0)?.name
      expect([where(before), where(after)]).toEqual([run.identity.from, run.identity.to])
      expect(after.guest?.host).toBe(run.identity.to)
      expect(after.link.crossing.guest).toBeNull()
    }
  })

  test('tells the stages as the lab told them, and the figures of the report when it was there', () => {
    for (const run of model.runs) {
      const report = run.report
      if (report === null) throw new Error('The sample has reports.')
      for (const event of run.events) {
        if (event.kind !== 'progress' || event.t >= run.ended_ms) continue
        const { run: shown, link } = scenes().at(event.t)
        const now = shown?.steps.find(({ state }) => state === 'now')?.number
        // Of two events at one time the later one counts.
        const last = run.events.findLast((other) => other.kind === 'progress' && other.t <= event.t)
        expect(now).toBe(last?.kind === 'progress' ? last.payload.stage : undefined)
        expect(link.crossing.guest).toBe('labos-1')
        expect(shown?.figures.some(({ name }) => name === 'Downtime')).toBe(false)
      }
      const ended = scenes().at(run.ended_ms).run
      expect(ended?.steps.every(({ state }) => state === 'done')).toBe(true)
      expect(ended?.figures.find(({ name }) => name === 'Downtime')?.value).toBe(msOrDash(report.downtime_ms))
      expect(ended?.figures.find(({ name }) => name === 'Client’s outage')?.value).toMatch(/^\d+(\.\d+)? ms$/)
    }
  })

  test('has what the guest said and showed by then, and captions while they last', () => {
    const guest = model.guests.latest?.[0]?.id ?? ''
    const end = scenes().at(model.duration_ms)
    expect(end.guest?.console).toEqual(model.consoleOf(guest, model.duration_ms))
    expect(end.guest?.screen).toEqual(model.screens.get(guest)?.at(model.duration_ms))
    expect(scenes().at(0).guest).toBeNull()
    expect([999, 1000, 1999, 2000].map((t) => scenes().at(t).captions)).toEqual([[], ['Said then'], ['Said then'], []])
  })
})
