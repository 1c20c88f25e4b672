/** Ferry as a peer of the bench: through the lab service, as every front end uses it; a lab of its own for each run. */
import type { RunReport } from '../../../engine/contract/report.ts'
import { LabService } from '../../../engine/lab/service.ts'
import { nowMs, sleep } from '../../../engine/util/clock.ts'
import { FerryError } from '../../../engine/util/errors.ts'
import { IMAGE, LOADS } from './loads.ts'
import { brokenBy, LEAD_MS, Observer, tickFigures } from './observer.ts'
import type { Case } from './plan.ts'
import type { Measured } from './row.ts'
import { TickReader } from './tick.ts'

const ALIVE_DEADLINE_MS = 10_000
/** The load has begun to run at its pace. */
const SETTLE_MS = 300
/** Stages 0 and 1 make the target ready; QEMU's target is a process that was started before. */
const PREPARING_STAGES = 2

/** Names of all algorithms of the lab. */
export async function ferryAlgorithms(): Promise<string[]> {
  const service = new LabService({ store: ':memory:' })
  try {
    // QEMU's own migration is in no emulated host's pool.
    return (await service.call('hosts.add', { name: 'xen', kind: 'xen', port: 0 })).algorithms
  } finally {
    await service.close()
  }
}

type Kind = 'xen' | 'kvm'

/** Source and target; both directions of a pair take turns. */
export function hostsOf(pair: Case['pair'], round: number): { from: Kind; to: Kind } {
  const [from, other] = round % 2 === 0 ? (['xen', 'kvm'] as const) : (['kvm', 'xen'] as const)
  return { from, to: pair === 'homogeneous' ? from : other }
}

/**
 * One migration. What goes wrong in it is told in the result.
 * @param round also the seed
 * @throws FerryError where no guest could be made
 */
export async function runFerry(of: Case, round: number): Promise<Measured> {
  const service = new LabService({ store: ':memory:', seed: round + 1 })
  const observer = new Observer()
  try {
    return await migrateOnce(service, observer, of, hostsOf(of.pair, round))
  } finally {
    observer.close()
    await service.close()
  }
}

async function migrateOnce(
  service: LabService,
  observer: Observer,
  of: Case,
  { from, to }: { from: Kind; to: Kind },
): Promise<Measured> {
  const { workload, tickMs: heartbeat_ms, client } = LOADS[of.load]
  const compared = of.kind === 'compared'
  await service.call('hosts.add', { name: 'source', kind: from, port: 0 })
  await service.call('hosts.add', { name: 'target', kind: to, port: 0 })
  const ticks = new TickReader()
  let output = ''
  service.on('guests.output', ({ data }) => {
    ticks.feed(data, nowMs())
    output += data
  })
  const created = { image: IMAGE, host: 'source', ram_MB: of.ram_MB, workload, heartbeat_ms }
  const { id, ip } = await service.call('guests.create', created)
  await sleep(SETTLE_MS)
  await observer.start(client, { network: service.lab.network, station: service.lab.client, ip })
  await sleep(LEAD_MS)

  const settings = { algorithms: [of.algorithm], link: of.link, verify_ram: compared, check: compared, probe_ms: 0 }
  const fromMs = nowMs()
  const { run_id } = await service.call('migrations.start', { guest: id, to: 'target', ...settings })
  const report = await service.call('migrations.wait', { run_id })
  const toMs = nowMs()
  const direction = `${from} to ${to}`
  if (report.outcome !== 'completed') {
    return { ...figuresOf(report), outcome: 'failed', note: `${direction}; ${report.error?.message ?? report.outcome}` }
  }
  const seen = await observer.stop({ fromMs })
  observer.close()
  const dead = (await alive(service, id)) ?? brokenBy(output)
  return {
    ...figuresOf(report),
    // A comparison of all of RAM stands in the way of the beats.
    ...(compared ? {} : tickFigures(ticks, { fromMs, toMs })),
    ...seen,
    outcome: dead === null ? 'completed' : 'lost',
    note: [direction, seen.note, dead].filter((text) => text !== undefined && text !== null).join('; '),
  }
}

/** Null where the guest answers; else why not. */
async function alive(service: LabService, guest: string): Promise<string | null> {
  try {
    await service.lab.guest(guest).console.command('echo AL""IVE', /ALIVE/, ALIVE_DEADLINE_MS)
    return null
  } catch (thrown) {
    return FerryError.from(thrown).message
  }
}

function figuresOf(report: RunReport): Omit<Measured, 'outcome'> {
  const { downtime_ms, total_ms, bytes_sent_B, wrong_pages, guest_check, stages, pull } = report
  const prepare_ms = stages.slice(0, PREPARING_STAGES).reduce((sum, { duration_ms }) => sum + duration_ms, 0)
  return {
    pause_run_ms: downtime_ms,
    total_ms,
    prepare_ms,
    transfer_ms: total_ms - prepare_ms,
    bytes_B: bytes_sent_B,
    wrong_pages,
    guest_check,
    faults: pull?.faults ?? null,
    fault_p50_us: pull?.p50_us ?? null,
    fault_p99_us: pull?.p99_us ?? null,
  }
}
