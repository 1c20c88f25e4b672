/** Measuring a guest, predicting, choosing by targets: with real guests. */
import { describe, expect, test } from 'vitest'
import { calibrate, CONSTANTS } from '../../engine/lab/calibration.ts'
import { rates } from '../../engine/lab/dirty-rate.ts'
import { sleep } from '../../engine/util/clock.ts'
import { long } from '../setup/variants.ts'
import { createLabOs, move, openLab, viewOf, XEN_AND_KVM } from './lab-fixture.ts'
import { SAVED, sampleReport } from './store/samples.ts'

describe('the dirty rate', () => {
  test('counts a page once a step, and once a window in the working set', () => {
    const pages = (...numbers: number[]) => Uint32Array.from(numbers)
    const steps = [pages(1, 2), pages(2), pages(2, 3), pages(), pages(9)]
    const measured = rates(steps, 500)
    expect(measured.pages_per_s).toBe(12)
    expect(measured.working_set).toEqual([
      { window_ms: 100, pages: 6 / 5 },
      { window_ms: 200, pages: 2 },
      { window_ms: 500, pages: 4 },
    ])
  })

  test('of a guest that writes is above that of an idle one, and its RAM is all accounted for', async () => {
    const service = await openLab(XEN_AND_KVM)
    const idle = await createLabOs(service)
    const busy = await createLabOs(service, { workload: 'dirty:3000,4' })
    const call = (guest: string) => service.call('guests.dirtyRate', { guest, duration_ms: 1500 })
    const [low, high] = [await call(idle.id), await call(busy.id)]
    expect(high.pages_per_s).toBeGreaterThan(low.pages_per_s)
    for (const rate of [low, high]) {
      expect(rate.zero_pages + rate.nonzero_pages).toBe(rate.ram_pages)
      const counts = rate.working_set.map(({ pages }) => pages)
      expect(counts).toEqual(counts.toSorted((a, b) => a - b))
    }
    // 4 MiB, and what the guest itself needs.
    expect(high.working_set.at(-1)?.pages).toBeLessThan(1024 + 200)
    expect(service.lab.guest(busy.id).residence.machine.view.mode).toBe('direct')
  })

  test('is not measured of a guest on its way, which goes on', async () => {
    const service = await openLab(XEN_AND_KVM)
    const guest = await createLabOs(service)
    const { run_id } = await service.call('migrations.start', { guest: guest.id, to: 'kvm', link: '100M' })
    await expect(service.call('guests.dirtyRate', { guest: guest.id })).rejects.toMatchObject({
      code: 'guest.migrating',
    })
    expect(await service.call('migrations.wait', { run_id })).toMatchObject({ outcome: 'completed', guest_check: 'ok' })
  })
})

describe('a prediction', () => {
  test('counts with the savings that a sample of the guest’s own pages lets expect', async () => {
    const service = await openLab(XEN_AND_KVM)
    const guest = await createLabOs(service, { workload: 'dirty:1000,2' })
    const input = { guest: guest.id, to: 'kvm', link: '50M', algorithms: ['pre-copy'] }
    const predict = async (savings: { delta?: boolean; compress?: 'off' | 'zstd' }) => {
      const table = await service.call('migrations.predict', { ...input, savings })
      return { sample: table.savings, bytes_B: table.predictions[0]?.bytes_B ?? 0 }
    }
    const plain = await predict({ compress: 'off' })
    expect(plain.sample).toMatchObject({ pages: 0, compression: null, changed_pages: 0, delta_ratio: null })
    const saved = await predict({ delta: true, compress: 'zstd' })
    const { compression, pages = 0, changed_pages = 0, delta_ratio } = saved.sample ?? {}
    expect(pages).toBeGreaterThan(0)
    // The pages that LabOS writes are random: compression gains little, and that is what is told.
    expect(compression?.ratio).toBeLessThan(1.01)
    expect(compression?.ratio).toBeGreaterThan(0.1)
    expect(changed_pages).toBeGreaterThan(0)
    expect(delta_ratio).toBeLessThan(1)
    expect(saved.bytes_B).toBeLessThan(plain.bytes_B)
    // The guest was only looked at.
    expect(await service.call('guests.list', {})).toMatchObject([{ state: 'running', host: 'xen' }])
  })
})

describe('automatic choice', () => {
  test('takes the first algorithm that both hosts have and that keeps the targets; its prediction stays with the run', async () => {
    const service = await openLab([
      { name: 'xen', kind: 'xen' },
      { name: 'kvm', kind: 'kvm', algorithms: ['stop-and-copy', 'pre-copy'] },
    ])
    const guest = await createLabOs(service, { workload: 'dirty:500,2' })
    const input = {
      guest: guest.id,
      to: 'kvm',
      link: '100M',
      max_downtime_ms: 250,
      algorithms: ['stop-and-copy', 'hybrid', 'pre-copy'],
    }
    const table = await service.call('migrations.predict', { ...input, measure_ms: 1000 })
    expect(table.predictions.map(({ algorithm }) => algorithm)).toEqual(['stop-and-copy', 'pre-copy'])
    expect(table.predictions[0]?.misses.map(({ target }) => target)).toEqual(['max_downtime_ms'])
    expect(table.chosen).toBe('pre-copy')
    expect(await viewOf(service, guest.id)).toMatchObject({ host: 'xen', state: 'running' })
    const report = await move(service, { ...input, automatic: true })
    expect(report).toMatchObject({ outcome: 'completed', algorithm: 'pre-copy', guest_check: 'ok' })
    expect(report.prediction).toMatchObject({ algorithm: 'pre-copy', targets: { max_downtime_ms: 250 } })
    expect(report.prediction?.formula.downtime).toContain('fixed part')
    expect((await service.call('runs.get', { run_id: report.run_id })).prediction).toEqual(report.prediction)
    const { csv } = await service.call('runs.export', { what: 'runs' })
    expect(csv).toContain(String(report.prediction?.downtime_ms))
  })

  test('rejects where none keeps them: the guest runs where it was, and no run is stored', async () => {
    const service = await openLab(XEN_AND_KVM)
    const guest = await createLabOs(service)
    const start = service.call('migrations.start', {
      ...{ guest: guest.id, to: 'kvm', link: '10M', automatic: true, max_total_ms: 50 },
    })
    await expect(start).rejects.toMatchObject({ code: 'qos.none-fits' })
    await expect(start).rejects.toThrow(/pre-copy: total time .*stop-and-copy: total time .*hybrid/)
    expect(await viewOf(service, guest.id)).toMatchObject({ host: 'xen', state: 'running' })
    expect(await service.call('runs.list', {})).toEqual([])
    expect(await service.call('migrations.active', {})).toEqual([])
  })

  test('at random, an algorithm is taken that both hosts have', async () => {
    const service = await openLab([
      { name: 'xen', kind: 'xen' },
      { name: 'kvm', kind: 'kvm', algorithms: ['stop-and-copy'] },
    ])
    const guest = await createLabOs(service)
    for (const seed of [1, 2]) {
      const to = seed % 2 === 1 ? 'kvm' : 'xen'
      const report = await move(service, {
        guest: guest.id,
        to,
        random_algorithm: true,
        seed,
        check: false,
        probe_ms: 0,
      })
      expect(report.error).toBeNull()
      expect(report.algorithm).toBe('stop-and-copy')
    }
  })
})

test('targets that are changed on the way end pre-copy, and slow the link down', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service, { workload: 'dirty:2000,4' })
  const { run_id } = await service.call('migrations.start', {
    ...{ guest: guest.id, to: 'kvm', link: '40M', algorithms: ['pre-copy'], max_total_ms: 60_000 },
    pre_copy: { threshold_pages: 0, max_rounds: 1000, max_factor: 1000, throttle: true },
  })
  await sleep(200)
  const told: unknown[] = []
  service.on('migrations.targets', (event) => told.push(event))
  const changes = { max_downtime_ms: 3_000_000, max_bandwidth_bps: 30e6, max_total_ms: null }
  const targets = { max_downtime_ms: 3_000_000, max_bandwidth_bps: 30e6 }
  expect(await service.call('migrations.setTargets', { run_id, ...changes })).toEqual(targets)
  expect(told).toEqual([{ run_id, targets }])
  const [active] = await service.call('migrations.active', {})
  expect(active?.input).toMatchObject(targets)
  expect(active?.input).not.toHaveProperty('max_total_ms')
  expect(service.runs.active(run_id).link).toMatchObject({ forward_bps: 30e6, backward_bps: 40e6 })
  const report = await service.call('migrations.wait', { run_id })
  expect(report).toMatchObject({ outcome: 'completed', guest_check: 'ok' })
  // With that much downtime allowed, the round under way is the last one.
  expect(report.rounds).toHaveLength(1)
})

// Without real guests: test/migration/pre-copy-control.test.ts.
if (long) {
  test('a total that is asked for on the way ends the rounds in time, though the guest goes on dirtying', async () => {
    const service = await openLab(XEN_AND_KVM)
    const guest = await createLabOs(service, { workload: 'dirty:8000,8' })
    const { run_id } = await service.call('migrations.start', {
      ...{ guest: guest.id, to: 'kvm', link: '100M', algorithms: ['pre-copy'] },
      pre_copy: { threshold_pages: 0, max_rounds: 1000, max_factor: 1000, throttle: true },
    })
    const notes: string[] = []
    service.on('migrations.progress', (event) => notes.push(...event.notes))
    await sleep(200)
    await service.call('migrations.setTargets', { run_id, max_total_ms: 100 })
    expect(await service.call('migrations.wait', { run_id })).toMatchObject({ outcome: 'completed', guest_check: 'ok' })
    expect(notes.join('\n')).toContain('more than the target of 100 ms in all')
  })

  test('pre-copy that does not converge goes on as post-copy, where the user says so', async () => {
    const service = await openLab(XEN_AND_KVM)
    const guest = await createLabOs(service, { workload: 'dirty:8000,8' })
    const report = await move(service, {
      ...{ guest: guest.id, to: 'kvm', link: '100M', algorithms: ['pre-copy'], verify_ram: true },
      pre_copy: { then_pull: true, threshold_pages: 0 },
    })
    expect(report).toMatchObject({ outcome: 'completed', algorithm: 'hybrid', ram_equal: true, guest_check: 'ok' })
    expect(report.rounds.length).toBeGreaterThan(2)
    expect(report.pull?.pages).toBeGreaterThan(0)
  })

  test('a guest that does not converge is throttled until it does, and runs at full speed again', async () => {
    const service = await openLab(XEN_AND_KVM)
    const guest = await createLabOs(service, { workload: 'dirty:8000,8' })
    const notes: string[] = []
    service.on('migrations.progress', (event) => notes.push(...event.notes))
    const report = await move(service, {
      ...{ guest: guest.id, to: 'kvm', link: '100M', algorithms: ['pre-copy'], verify_ram: true },
      pre_copy: { throttle: true, max_factor: 20 },
    })
    expect(report).toMatchObject({ outcome: 'completed', algorithm: 'pre-copy', ram_equal: true, guest_check: 'ok' })
    expect(report.throttle_max).toBeGreaterThanOrEqual(0.2)
    expect(report.throttled_ms).toBeGreaterThan(0)
    expect(notes.join('\n')).toContain('from now on the vCPU sleeps 20 % of its time')
  })
}

describe('calibration', () => {
  const runs = (count: number) =>
    Array.from({ length: count }, (_, i) => sampleReport(i, { link: 'unlimited', verify_ms: null }))
  test('is by constants, and says so, where the store has too few runs', () => {
    expect(calibrate(runs(2))).toEqual({ source: 'constants', runs: 2, ...CONSTANTS })
    expect(calibrate([...runs(2), sampleReport(3)]).source).toBe('constants')
    expect(calibrate([...runs(2), sampleReport(3, { link: 'unlimited', savings: SAVED })]).source).toBe('constants')
  })
  test('is the median of the runs on an unlimited link', () => {
    // Of sample run i: downtime 20.25 + i, of which last pages 2; total 1000.125 + i; rounds 300.5 × (1 + 1/2 + 1/3).
    const made = calibrate(runs(3))
    expect(made).toMatchObject({ source: 'runs', runs: 3, fixed_ms: 19.25, fault_ms: CONSTANTS.fault_ms })
    expect(made.setup_ms).toBeCloseTo(1001.125 - 21.25 - 300.5 * (11 / 6), 9)
    expect(made.host_Bps).toBeCloseTo((16384 * 4096 * 1000) / 300.5, 3)
  })
})
