import { describe, expect, test } from 'vitest'
import type { RunReport } from '../../engine/contract/report.ts'
import { sleep } from '../../engine/util/clock.ts'
import { variants } from '../setup/variants.ts'
import {
  betweenLike,
  consoleOf,
  createLabOs,
  memoryUse,
  move,
  openLab,
  viewOf,
  type Way,
  XEN_AND_KVM,
} from './lab-fixture.ts'

const MIB = 2 ** 20

function expectCrossed(report: RunReport): void {
  expect(report.error).toBeNull()
  expect(report.outcome).toBe('completed')
  expect(report.wrong_pages).toBe(0)
  expect(report.ram_equal).toBe(true)
  expect(report.guest_check).toBe('ok')
}

const WAYS = variants<Way>(
  [
    ['pre-copy', 'xen', 'kvm'],
    ['pre-copy', 'kvm', 'xen'],
    ['stop-and-copy', 'xen', 'kvm'],
  ],
  [['stop-and-copy', 'kvm', 'xen'], ...betweenLike('pre-copy', 'stop-and-copy')],
)

describe('a guest that writes its memory crosses with every byte right', () => {
  test.each(WAYS)('%s, %s → %s', async (algorithm, from, to) => {
    const service = await openLab([
      { name: 'source', kind: from },
      { name: 'target', kind: to },
    ])
    const guest = await createLabOs(service, {
      host: 'source',
      workload: 'dirty:2000',
      heartbeat_ms: 20,
      disk_MB: 1,
    })
    const report = await move(service, { guest: guest.id, to: 'target', algorithms: [algorithm], verify_ram: true })
    expectCrossed(report)
    expect(report).toMatchObject({
      algorithm,
      from_kind: from,
      to_kind: to,
      guest: 'labos',
      workload: 'dirty:2000',
    })
    expect((await viewOf(service, guest.id))?.host).toBe('target')
    expect((await memoryUse(service)).source).toBe(0)
    const cpu = await service.lab.guest(guest.id).console.command('cpu', /CPU (ok|failed)[^\r]*\r/)
    expect(cpu[1]).toBe('ok')
  })
})

test('the parts of the downtime add up to it, stages follow each other from 0 to 5, pages agree with the rounds', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service, { workload: 'dirty:5000' })
  const report = await move(service, { guest: guest.id, to: 'kvm', algorithms: ['pre-copy'] })
  const parts = Object.values(report.downtime_parts ?? {})
  expect(parts.reduce((sum, part) => sum + part, 0)).toBeCloseTo(report.downtime_ms ?? NaN, 6)
  expect(report.stages.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4, 5])
  for (const [i, stage] of report.stages.slice(1).entries()) {
    const before = report.stages[i]
    expect(stage.started_ms).toBeCloseTo(before.started_ms + before.duration_ms, 6)
  }

  const inRounds = report.rounds.reduce((sum, round) => sum + round.pages_sent, 0)
  expect(report.pages_sent).toBeGreaterThanOrEqual(inRounds)
  // Every page was sent a first time, in whichever round: the others had changed again before their turn.
  const { blocks } = service.lab.guest(guest.id).residence.machine
  const all = blocks.reduce((sum, { bytes }) => sum + bytes / 4096, 0)
  expect(report.pages_retransmitted).toBe(report.pages_sent - all)
  expect(all - report.rounds[0].pages_sent).toBeLessThanOrEqual(report.pages_skipped)
  expect(report.rounds[0].zero_pages).toBeGreaterThan(0)
  expect(report.bytes_sent_B).toBeGreaterThan((report.pages_sent - report.rounds[0].zero_pages) * 4096 * 0.5)
})

test('a guest hops back and forth many times and stays right, its heartbeat without a gap in the numbers', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service, { workload: 'dirty:3000,4,hotcold', heartbeat_ms: 10 })
  for (let hop = 0; hop < 4; hop++) {
    expectCrossed(await move(service, { guest: guest.id, to: hop % 2 === 0 ? 'kvm' : 'xen', verify_ram: true }))
  }
  const beats = [...(await consoleOf(service, guest.id)).matchAll(/HB (\d+) /g)].map(([, seq]) => Number(seq))
  expect(beats.length).toBeGreaterThan(25)
  expect(beats).toEqual(beats.map((_, i) => beats[0] + i))
})

test('what is typed while the guest moves arrives once and in order', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const words = Array.from({ length: 120 }, (_, i) => `w${i}`)
  const typing = (async () => {
    for (const word of words) {
      await service.call('guests.write', { guest: guest.id, data: `echo ${word}\n` })
      await sleep(8)
    }
  })()
  await move(service, { guest: guest.id, to: 'kvm', check: false })
  await move(service, { guest: guest.id, to: 'xen', check: false })
  await typing
  await service.lab.guest(guest.id).console.expect(/ECHO w119\r/, { timeoutMs: 60_000, from: 0 })
  const answers = [...(await consoleOf(service, guest.id)).matchAll(/ECHO (w\d+)\r/g)].map(([, word]) => word)
  expect(answers).toEqual(words)
})

test("the guest's own check waits for the line that is being typed, and typing waits for the check", async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const write = (data: string) => service.call('guests.write', { guest: guest.id, data })
  await write('echo half')
  const { run_id } = await service.call('migrations.start', { guest: guest.id, to: 'kvm' })
  await sleep(1500)
  await write('-and-half\n')
  const report = service.call('migrations.wait', { run_id })
  for (let i = 0; i < 40; i++) {
    await write(`echo t${i}\n`)
    await sleep(10)
  }
  expect((await report).guest_check).toBe('ok')
  const text = service.lab.guest(guest.id).console
  await text.expect(/ECHO t39\r/, { timeoutMs: 60_000, from: 0 })
  const answers = [...text.text.matchAll(/ECHO (\S+)\r/g)].map(([, word]) => word)
  expect(answers).toEqual(['half-and-half', ...Array.from({ length: 40 }, (_, i) => `t${i}`)])
})

test('two guests cross at the same time, in opposite directions', async () => {
  const service = await openLab(XEN_AND_KVM)
  const a = await createLabOs(service, { host: 'xen', workload: 'dirty:1000' })
  const b = await createLabOs(service, { host: 'kvm', workload: 'dirty:1000' })
  const reports = await Promise.all([
    move(service, { guest: a.id, to: 'kvm', verify_ram: true }),
    move(service, { guest: b.id, to: 'xen', verify_ram: true }),
  ])
  reports.forEach(expectCrossed)
  expect((await viewOf(service, a.id))?.host).toBe('kvm')
  expect((await viewOf(service, b.id))?.host).toBe('xen')
})

test('the client outside sees the outage, and IP and MAC stay', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const before = await service.lab.client.resolve(guest.ip)
  const report = await move(service, { guest: guest.id, to: 'kvm', probe_ms: 2 })
  expect(report.outage_ms).not.toBeNull()
  expect(await service.lab.client.ping(guest.ip)).toBeGreaterThan(0)
  expect(await service.lab.client.resolve(guest.ip)).toBe(before)
  expect(service.lab.network.portOf(guest.mac)).toBe('kvm')
  const probes = service.lab.store.get(report.run_id)?.probes ?? []
  expect(probes.length).toBeGreaterThan(20)
})

describe('a migration that does not happen leaves the guest running where it was, and nothing on the target', () => {
  test('the target has too little memory', async () => {
    const service = await openLab([
      { name: 'xen', kind: 'xen' },
      { name: 'kvm', kind: 'kvm', memory_MB: 16 },
    ])
    const guest = await createLabOs(service, { ram_MB: 32, heartbeat_ms: 10 })
    const points = await service.call('migrations.check', { guest: guest.id, to: 'kvm' })
    expect(points.filter(({ ok }) => !ok).map(({ id }) => id)).toEqual(['memory'])
    const report = await move(service, { guest: guest.id, to: 'kvm' })
    expect(report.outcome).toBe('failed')
    expect(report.error?.message).toMatch(/memory/i)
    expect(report.downtime_ms).toBeNull()
    expect(report.guest_check).toBe('ok')
    expect(await memoryUse(service)).toEqual({ xen: 32 * MIB, kvm: 0 })
  })

  test('the target does not take guests from this host', async () => {
    const service = await openLab([
      { name: 'xen', kind: 'xen' },
      { name: 'kvm', kind: 'kvm', hosts_allow: ['^elsewhere$'] },
    ])
    const guest = await createLabOs(service)
    const report = await move(service, { guest: guest.id, to: 'kvm' })
    expect(report.outcome).toBe('failed')
    expect(report.guest_check).toBe('ok')
    expect((await memoryUse(service)).kvm).toBe(0)
  })

  test('no algorithm is common to both', async () => {
    const service = await openLab([
      { name: 'xen', kind: 'xen' },
      { name: 'kvm', kind: 'kvm', algorithms: ['stop-and-copy'] },
    ])
    const guest = await createLabOs(service)
    const report = await move(service, { guest: guest.id, to: 'kvm', algorithms: ['pre-copy'] })
    expect(report.outcome).toBe('failed')
    expect(report.error?.code).toMatch(/algorithm/)
    expect(report.error?.message).toContain('stop-and-copy')
  })

  test('the user cancels on a slow link', async () => {
    const service = await openLab(XEN_AND_KVM)
    const guest = await createLabOs(service, { workload: 'dirty:500' })
    const { run_id } = await service.call('migrations.start', { guest: guest.id, to: 'kvm', link: '10M' })
    await sleep(800)
    expect(await service.call('migrations.cancel', { run_id })).toEqual({ cancelled: true })
    const report = await service.call('migrations.wait', { run_id })
    expect(report.outcome).toBe('cancelled')
    expect(report.guest_check).toBe('ok')
    expect((await viewOf(service, guest.id))?.state).toBe('running')
    expect((await memoryUse(service)).kvm).toBe(0)
    expect((await service.call('runs.get', { run_id })).outcome).toBe('cancelled')
  })

  test('the target host goes away in the middle', async () => {
    const service = await openLab(XEN_AND_KVM)
    const guest = await createLabOs(service)
    const { run_id } = await service.call('migrations.start', { guest: guest.id, to: 'kvm', link: '10M' })
    await sleep(800)
    await service.call('hosts.remove', { name: 'kvm' })
    const report = await service.call('migrations.wait', { run_id })
    expect(report.outcome).toBe('failed')
    expect(report.error?.message).not.toBe('')
    expect(report.guest_check).toBe('ok')
    expect(await viewOf(service, guest.id)).toMatchObject({ host: 'xen', state: 'running' })
  })
})
