/** What recording a lab costs: bytes, processor time, and whether it disturbs the migrations that it records. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LabService } from '../../engine/lab/service.ts'
import { sleep } from '../../engine/util/clock.ts'
import type { BenchOptions } from './downtime.ts'
import { type Row, show, summarize } from './statistics.ts'

const SPELL_MS = 20_000
/** What is told once is told by then. */
const SETTLE_MS = 6000

export async function recordingRows({ guest: image, n, progress }: BenchOptions): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-bench-'))
  const service = new LabService({ store: ':memory:', recordings: folder })
  try {
    for (const kind of ['xen', 'kvm'] as const) await service.call('hosts.add', { name: kind, kind, port: 0 })
    const { id } = await service.call('guests.create', { image, host: 'xen', ram_MB: 128 })
    return [...(await atRest(service, progress)), ...(await onTheWay(service, id, n, progress))]
  } finally {
    await service.close()
    await rm(folder, { recursive: true })
  }
}

const size_B = async (service: LabService) => (await service.call('recordings.status', {})).recording?.size_B ?? 0

/** Share of one processor that the whole process takes, %. */
async function load(): Promise<number> {
  const before = process.cpuUsage()
  const began = performance.now()
  await sleep(SPELL_MS)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 10 / (performance.now() - began)
}

async function atRest(service: LabService, progress: (line: string) => void): Promise<Row[]> {
  await sleep(SETTLE_MS)
  const without = [await load()]
  await service.call('recordings.start', {})
  await sleep(SETTLE_MS)
  const first_B = await size_B(service)
  // A whole minute: answers that change are told whole once in it.
  const recorded = [await load(), await load(), await load()]
  const perMinute_kB = ((await size_B(service)) - first_B) / 1000 / ((3 * SPELL_MS) / 60_000)
  await service.call('recordings.stop', {})
  without.push(await load())
  const [off, on] = [summarize(without).median, summarize(recorded).median]
  progress(`at rest: ${off.toFixed(1)} % without, ${on.toFixed(1)} % recorded`)
  return [
    row('a recording of an idle guest of 128 MB, once, kB', (first_B / 1000).toFixed(0), '–', true),
    row('and a minute, kB', perMinute_kB.toFixed(0), '≤ 500', perMinute_kB <= 500),
    row(
      'processor time of the whole lab, idle guest, % of one core',
      `${on.toFixed(1)} recorded, ${off.toFixed(1)} not`,
      '≤ 5 more',
      on - off <= 5,
    ),
  ]
}

async function onTheWay(
  service: LabService,
  guest: string,
  n: number,
  progress: (line: string) => void,
): Promise<Row[]> {
  await service.call('guests.workload', { guest, workload: 'dirty:2000' })
  const downtimes: Record<'recorded' | 'not', number[]> = { recorded: [], not: [] }
  const sizes_kB: number[] = []
  for (let i = 0; i < n; i++) {
    // In turn, and each first as often as the other.
    const order = i % 2 === 0 ? (['not', 'recorded'] as const) : (['recorded', 'not'] as const)
    for (const how of order) {
      if (how === 'recorded') await service.call('recordings.start', {})
      // What a recording tells at its beginning is over.
      await sleep(SETTLE_MS / 2)
      const first_B = await size_B(service)
      // There and back, so that all begin alike.
      for (const to of ['kvm', 'xen']) {
        const { run_id } = await service.call('migrations.start', { guest, to, check: false })
        const { downtime_ms } = await service.call('migrations.wait', { run_id })
        if (downtime_ms !== null) downtimes[how].push(downtime_ms)
      }
      const made = await service.call('recordings.stop', {})
      if (made !== null) sizes_kB.push((made.size_B - first_B) / 2000)
      progress(
        `${i + 1}/${n} ${how}: ${downtimes[how]
          .slice(-2)
          .map((ms) => ms.toFixed(2))
          .join(', ')} ms`,
      )
    }
  }
  const [off, on] = [summarize(downtimes.not), summarize(downtimes.recorded)]
  return [
    row('a recorded migration of 128 MB, dirtying 2000 pages/s, kB', show(summarize(sizes_kB), 0), '–', true),
    row('downtime, recorded, ms', show(on), '≤ 1.1 × not recorded', on.median <= 1.1 * off.median),
    row('downtime, not recorded, ms', show(off), '–', true),
  ]
}

const row = (measured: string, figure: string, target: string, reached: boolean): Row => ({
  measured,
  figure,
  target,
  reached,
})
