/**
 * A lab for looks: four hosts with eight guests each, long names, every state, runs of every outcome. It answers as the
 * contract has it; nothing in it runs.
 */
import * as v from 'valibot'
import { type GuestState, type GuestView, type HostView, METHODS, type MethodName } from '../../engine/contract/lab.ts'
import type { Prediction, PredictionTable } from '../../engine/contract/prediction.ts'
import type { WorkloadView } from '../../engine/contract/workloads.ts'
import type { RunReport } from '../../engine/contract/report.ts'
import { brokenReport, sampleMessages, sampleParts, sampleReport } from '../lab/store/samples.ts'

const MIB = 2 ** 20
const LONG = 'a-guest-with-a-name-of-32-letter'
const STATES: readonly GuestState[] = ['running', 'paused', 'running', 'crashed']

export interface Size {
  readonly hosts: number
  readonly guests: number
}

function guest(host: string, i: number): GuestView {
  return {
    id: `${host}-${i}`,
    name: i % 8 === 1 ? LONG : `${i % 2 === 0 ? 'labos' : 'linux'}-${i}`,
    image: i % 2 === 0 ? 'labos' : 'linux',
    host,
    state: STATES[i % STATES.length] ?? 'running',
    ram_B: (i % 2 === 0 ? 16 : 128) * MIB,
    workload: ['dirty:2000,4,random', 'web', 'idle', 'compile'][i % 4] ?? 'idle',
    ip: `10.0.0.${11 + i}`,
    mac: `02:fe:00:00:01:${String(i).padStart(2, '0')}`,
    started: 'booted',
    start_ms: 480,
  }
}

export const report = (i: number, changes: Partial<RunReport> = {}): RunReport =>
  sampleReport(i, { from: 'xen', to: 'kvm', downtime_ms: 20.25 + (i % 7) * 0.4, outage_ms: 14 + (i % 5), ...changes })

function prediction(algorithm: string, title: string, downtime_ms: number, limit_ms: number): Prediction {
  const text = `downtime ${downtime_ms} ms, more than ${limit_ms} ms`
  return {
    algorithm,
    title,
    downtime_ms,
    total_ms: 1400,
    bytes_B: 18_200_000,
    slowdown: 0.031,
    rounds: 3,
    remaining_pages: 40,
    reason: 'So few pages are left that the guest stands still for less than your target.',
    misses:
      downtime_ms > limit_ms ? [{ target: 'max_downtime_ms', limit: limit_ms, predicted: downtime_ms, text }] : [],
    formula: {
      downtime: 'fixed part 12 ms + 40 pages left ÷ rate 1.4 ms + 4 × latency 0 ms',
      total: 'set-up 700 ms + 6 × latency 0 ms + 3 rounds 680 ms + downtime 20 ms',
      bytes: 'pages of 3 rounds and 40 left × 4100 B (zeros × 4 B) + 3 × state',
      slowdown: '(downtime 20 ms + throttled 0 ms + waits 0 ms) ÷ total 1400 ms',
    },
  }
}

/** Predictions against a longest downtime. */
function predictions(limit_ms: number): PredictionTable {
  const all = [
    prediction('pre-copy', 'Iterative pre-copy', 20, limit_ms),
    prediction('stop-and-copy', 'Stop and copy', 900, limit_ms),
    prediction('pull-copy', 'Pull-copy', 18, limit_ms),
  ]
  return {
    dirty_rate: {
      guest: 'labos-0',
      workload: 'dirty:2000,4,random',
      duration_ms: 1002,
      pages_per_s: 1980,
      step_ms: 100,
      working_set: [{ window_ms: 100, pages: 198 }],
      ram_pages: 4096,
      zero_pages: 2100,
      nonzero_pages: 1996,
    },
    link: '1G',
    bandwidth_bps: 1e9,
    latency_ms: 0,
    calibration: { source: 'runs', runs: 24, fixed_ms: 12, setup_ms: 700, host_Bps: 1e8, fault_ms: 0.4 },
    savings: {
      pages: 256,
      compression: { algorithm: 'zstd', ratio: 0.43, rate_Bps: 2.4e8 },
      changed_pages: 0,
      delta_ratio: null,
    },
    targets: { max_downtime_ms: limit_ms },
    predictions: all,
    chosen: all.find(({ misses }) => misses.length === 0)?.algorithm ?? null,
  }
}

/** What is predicted where no algorithm keeps the targets. */
export const noneFits = (): PredictionTable => predictions(1)

const workloads = (...names: string[]): WorkloadView[] =>
  names.map((name) => ({ name, title: name, summary: `What ${name} does.`, parameters: [] }))

/** Answers by method; each is held to the contract. */
export function answers({ hosts, guests }: Size): Partial<Record<MethodName, unknown>> {
  const names = ['xen', 'kvm', 'xen-of-the-north-wing-room-three', 'kvm-2'].slice(0, hosts)
  const all = names.flatMap((host, h) => Array.from({ length: guests }, (_, i) => guest(host, h * guests + i)))
  const views = names.map((name, h): HostView => {
    const kind = h % 2 === 0 ? 'xen' : 'kvm'
    return {
      name,
      kind,
      title: kind,
      address: '127.0.0.1',
      port: 8002 + h,
      memory_B: 2048 * MIB,
      memory_used_B: all.filter((g) => g.host === name).reduce((sum, { ram_B }) => sum + ram_B, 0),
      algorithms: ['pre-copy', 'stop-and-copy'],
      hosts_allow: [],
      guests: all.filter((g) => g.host === name).map(({ id }) => id),
    }
  })
  const runs = Array.from({ length: 24 }, (_, i) => {
    const back: Partial<RunReport> =
      i % 2 === 0 ? {} : { from: 'kvm', to: 'xen', from_kind: 'kvm', to_kind: 'xen', algorithm: 'stop-and-copy' }
    return i % 9 === 4 ? brokenReport(i, i % 2 === 0 ? 'failed' : 'cancelled', back) : report(i, back)
  })
  const parts = sampleParts(3)
  const given: Partial<Record<MethodName, unknown>> = {
    'hosts.list': views,
    'guests.list': all,
    'images.list': [
      {
        name: 'linux',
        title: 'Linux (Debian kernel, BusyBox)',
        minimum_MB: 48,
        default_MB: 128,
        workloads: workloads('idle', 'web', 'dirty', 'disk', 'compile'),
      },
      { name: 'labos', title: 'LabOS', minimum_MB: 8, default_MB: 16, workloads: workloads('idle', 'dirty', 'disk') },
    ],
    'algorithms.list': [
      {
        name: 'pre-copy',
        title: 'Iterative pre-copy',
        summary: 'Sends all pages, then again and again what got dirty; stops for the rest.',
      },
      { name: 'stop-and-copy', title: 'Stop and copy', summary: 'Stops the guest, then sends everything.' },
    ],
    'links.list': [
      { text: 'unlimited', forward_bps: null, backward_bps: null, latency_ms: 0, jitter_ms: 0 },
      { text: '1G', forward_bps: 1e9, backward_bps: 1e9, latency_ms: 0, jitter_ms: 0 },
      { text: 'ADSL', forward_bps: 8e6, backward_bps: 1e6, latency_ms: 20, jitter_ms: 0 },
    ],
    'runs.list': runs.map((run) => ({ ...run, note: null })),
    'runs.details': {
      report: runs[0],
      messages: sampleMessages(8),
      probes: parts.probes.map(({ seq, sent_ms, rtt_ms }) => ({ seq, sent_ms, rtt_ms })),
      provenance: parts.provenance,
      note: null,
    },
    'guests.console': { text: 'linux# uname -a\r\nLinux 6.1.0-31-686 #1 SMP i686 GNU/Linux\r\nlinux# ', position: 70 },
    'guests.screen': {
      kind: 'text',
      columns: 80,
      rows: 25,
      lines: ['Linux guest, kernel 6.1.0-31-686', 'Address: 10.0.0.11/24', 'The shell is on the serial line.'],
    },
    'migrations.check': [
      { id: 'memory', ok: true, title: 'Free memory', detail: '128 MiB of 2048 MiB' },
      { id: 'devices', ok: true, title: 'Devices', detail: 'the same on both' },
      { id: 'peer', ok: hosts < 3, title: 'Peer allowed', detail: 'hosts_allow of kvm: ^xen$' },
    ],
    'migrations.predict': predictions(300),
    'migrations.start': { run_id: 'run-live', predictions: null },
    'guests.memory': {
      kind: 'xen',
      mode: 'direct',
      pages: 64,
      rows_total: 16,
      frames: null,
      rows: Array.from({ length: 16 }, (_, i) => ({
        name: `GFN ${i * 4}`,
        guest_address: i * 16384,
        bytes: 16384,
        target: `MFN ${(i * 37) % 64}`,
        logged: i % 2 === 0,
        dirty_pages: i,
      })),
    },
  }
  for (const [method, answer] of Object.entries(given)) v.parse(METHODS[method as MethodName].output, answer)
  return given
}
