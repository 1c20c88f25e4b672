/** Whole migrations between two machines over TCP on loopback. */
import { afterEach, describe, expect, test } from 'vitest'
import * as v from 'valibot'
import { runReport } from '../../engine/contract/report.ts'
import { World, firstDifference } from './world.ts'
import type { FakeMachine } from './fake-machine.ts'
import type { ProgressEvent } from '../../engine/migration/progress.ts'
import type { MessageEvent } from '../../engine/migration/protocol/connection.ts'
import { parseLink } from '../../engine/migration/link.ts'
import { sleep } from '../../engine/util/clock.ts'

let world: World
afterEach(async () => {
  await world.stop()
})

function crossed(machine: FakeMachine, id = 'guest-1'): void {
  const target = world.targetMachines.get(id)
  expect(firstDifference(machine.atStop, target?.atStart ?? null)).toBeNull()
  expect(target?.running).toBe(true)
  expect(machine.running).toBe(false)
  expect(machine.closed).toBe(true)
  expect(world.arbiters.get(id)?.violations).toEqual([])
  expect(world.leases.get(id)?.holder()).toBe('kvm')
  expect(world.released).toContain(id)
  expect(world.announced).toContain(id)
}

describe.each(['pre-copy', 'stop-and-copy'] as const)('%s', (algorithm) => {
  test('carries memory and state of a dirtying guest', async () => {
    world = await World.start()
    const machine = world.guest()
    await machine.resume()
    const result = await world.migrate(machine, { algorithms: [algorithm], verify: 'all' }).finished
    expect(result.error).toBeNull()
    expect(result.outcome).toBe('completed')
    await world.targetEnded()
    crossed(machine)
    const { report } = result
    v.parse(runReport, { ...report, workload: '', outage_ms: null, guest_check: null, prediction: null })
    expect(report.algorithm).toBe(algorithm)
    expect(report.ram_equal).toBe(true)
    const sum = Object.values(report.downtime_parts ?? {}).reduce((a, b) => a + b, 0)
    expect(sum).toBeCloseTo(report.downtime_ms ?? -1, 6)
    expect(report.stages.map((s) => s.number)).toEqual([0, 1, 2, 3, 4, 5])
    expect(report.pages_sent).toBeGreaterThanOrEqual(result.statistics.pages_total)
    expect(report.pages_sent).toBe(result.statistics.pages_total + report.pages_retransmitted)
    expect(result.statistics.rehearsals).toBe(3)
  })

  test('crosses a link of 100 Mbit/s with latency and jitter', async () => {
    world = await World.start()
    const machine = world.guest()
    await machine.resume()
    const result = await world.migrate(machine, { algorithms: [algorithm], link: parseLink('200M,3ms,2ms') }).finished
    expect(result.error).toBeNull()
    await world.targetEnded()
    crossed(machine)
  })
})

test('pre-copy stops late: only few pages travel while the guest stands still', async () => {
  world = await World.start()
  const machine = world.guest()
  await machine.resume()
  const result = await world.migrate(machine).finished
  expect(result.report.algorithm).toBe('pre-copy')
  expect(result.report.rounds.length).toBeGreaterThan(0)
  expect(result.statistics.pages_while_stopped).toBeLessThan(400)
  expect(result.decisions.at(-1)?.action).toBe('switch-over')
})

test('many dirty pages at the stop are streamed, few come along', async () => {
  world = await World.start()
  const machine = world.guest({ source: { dirtyPerMs: 50, workingSet: 2000 } })
  await machine.resume()
  const result = await world.migrate(machine, { tuning: { inlinePages: 4, batchPages: 64 }, verify: 'ram' }).finished
  expect(result.error).toBeNull()
  await world.targetEnded()
  crossed(machine)
  expect(result.statistics.pages_while_stopped).toBeGreaterThan(4)
})

test('two guests move at once over one server', async () => {
  world = await World.start()
  const machines = ['a', 'b'].map((id) => world.guest({ id, source: { seed: id.charCodeAt(0) } }))
  for (const machine of machines) await machine.resume()
  const results = await Promise.all(machines.map((m, i) => world.migrate(m, {}, i === 0 ? 'a' : 'b').finished))
  expect(results.map((r) => r.error)).toEqual([null, null])
  await world.targetEnded(2)
  crossed(machines[0], 'a')
  crossed(machines[1], 'b')
})

test('progress is told at most 20 times a second and never loses a stage; messages are told one by one', async () => {
  world = await World.start()
  const machine = world.guest()
  await machine.resume()
  const events: ProgressEvent[] = []
  const messages: MessageEvent[] = []
  const times: number[] = []
  const result = await world.migrate(machine, {
    link: parseLink('300M'),
    onProgress: (event) => {
      events.push(event)
      times.push(performance.now())
    },
    onMessage: (event) => messages.push(event),
  }).finished
  const stages = events.flatMap((e) => e.changes).flatMap((c) => (c.kind === 'stage' ? [c.stage] : []))
  expect(stages).toEqual([0, 1, 2, 3, 4, 5])
  const span = (times.at(-1) ?? 0) - (times[0] ?? 0)
  expect(events.length).toBeLessThanOrEqual(span / 45 + 2)
  const sent = messages.filter((m) => m.direction === 'sent')
  expect(sent.reduce((sum, m) => sum + m.bytes, 0)).toBe(result.report.bytes_sent_B)
  expect(sent.filter((m) => m.type !== 'KEEPALIVE').at(-1)?.type).toBe('COMMIT')
})

test('a link can be changed while the migration runs', async () => {
  world = await World.start()
  const machine = world.guest({ source: { dirtyPerMs: 0 } })
  await machine.resume()
  const migration = world.migrate(machine, { link: parseLink('10M') })
  await sleep(150)
  migration.setLink(parseLink('unlimited'))
  const result = await migration.finished
  expect(result.error).toBeNull()
  expect(result.report.total_ms).toBeLessThan(2500)
  await world.targetEnded()
  crossed(machine)
})

test('a round sends what was dirtied since the last one, and nothing else again', async () => {
  world = await World.start()
  const machine = world.guest({ source: { dirtyPerMs: 0 } })
  await machine.resume()
  let touched = false
  const result = await world.migrate(machine, {
    policy: { preCopy: { thresholdPages: 0 } },
    verify: 'all',
    onMessage: ({ type }) => {
      if (type !== 'ROUND_END' || touched) return
      touched = true
      for (let page = 10; page < 20; page++) machine.touch(0, page)
    },
  }).finished
  expect(result.report.rounds.map((round) => [round.pages_sent, round.dirty_pages])).toEqual([
    [result.statistics.pages_total, 10],
    [10, 0],
  ])
  expect(result.report.pages_retransmitted).toBe(10)
  expect(result.statistics.pages_while_stopped).toBe(0)
})
