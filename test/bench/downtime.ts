/** Downtime and throughput of live migrations of a real guest, over the lab service as every front end uses it. */
import type { RunReport } from '../../engine/contract/report.ts'
import { LabService } from '../../engine/lab/service.ts'
import { type Row, show, summarize } from './statistics.ts'
import { stockSaveRestore } from './stock-v86.ts'

export interface BenchOptions {
  readonly guest: string
  readonly n: number
  readonly progress: (line: string) => void
}

type Kind = 'xen' | 'kvm'
interface Case {
  readonly ramMb: number
  readonly workload: string
  readonly from: Kind
  readonly to: Kind
  readonly link: string
}

/** Runs all cases `n` times, interleaved, so that a slow phase of the machine meets all of them. */
async function measure(cases: readonly Case[], { guest, n, progress }: BenchOptions): Promise<RunReport[][]> {
  const reports: RunReport[][] = cases.map(() => [])
  for (let i = 0; i < n; i++) {
    for (const [index, each] of cases.entries()) {
      // A lab of its own for each run: no run inherits the hosts' memory or the guests of another.
      const service = new LabService({ store: ':memory:', seed: i + 1 })
      try {
        await service.call('hosts.add', { name: 'source', kind: each.from, port: 0 })
        await service.call('hosts.add', { name: 'target', kind: each.to, port: 0 })
        const { ramMb: ram_MB, workload } = each
        const { id } = await service.call('guests.create', { image: guest, host: 'source', ram_MB, workload })
        const input = { guest: id, to: 'target', algorithms: ['pre-copy'], link: each.link, check: false }
        const { run_id } = await service.call('migrations.start', input)
        const report = await service.call('migrations.wait', { run_id })
        reports[index].push(report)
        const { ramMb, from, to, link } = each
        const figure = report.downtime_ms === null ? report.outcome : `${report.downtime_ms.toFixed(2)} ms`
        progress(`${i + 1}/${n} ${ramMb} MB ${workload} ${from} → ${to} ${link}: ${figure}`)
      } finally {
        await service.close()
      }
    }
  }
  return reports
}

const downtimes = (reports: readonly RunReport[]) => reports.flatMap(({ downtime_ms }) => downtime_ms ?? [])

/** Bytes per second of the first round, in which the link is busy from end to end. */
const firstRoundRate = ({ rounds: [first] }: RunReport) => (first.bytes_sent_B / first.duration_ms) * 1000

export async function downtimeRows(options: BenchOptions): Promise<Row[]> {
  const base = { ramMb: 128, workload: 'idle', from: 'xen', to: 'kvm', link: 'unlimited' } as const
  const dirty = 'dirty:2000'
  const [idle, dirtying, kvmXen, xenXen, kvmKvm, small, large, gigabit] = await measure(
    [
      base,
      { ...base, workload: dirty },
      { ...base, workload: dirty, from: 'kvm', to: 'xen' },
      { ...base, workload: dirty, to: 'xen' },
      { ...base, workload: dirty, from: 'kvm' },
      { ...base, ramMb: 64, workload: dirty },
      { ...base, ramMb: 256, workload: dirty },
      { ...base, workload: dirty, link: '1G' },
    ],
    options,
  )
  const rows: Row[] = []
  for (const [name, reports] of [
    ['idle', idle],
    ['dirtying 2000 pages/s', dirtying],
  ] as const) {
    const summary = summarize(downtimes(reports))
    rows.push({
      measured: `downtime, 128 MB, ${name}, pre-copy, unlimited link, ms`,
      figure: show(summary),
      target: '≤ 8',
      reached: summary.median <= 8,
    })
  }

  const stock = summarize(await stockSaveRestore(options))
  const ours = summarize(downtimes(idle)).median
  rows.push({
    measured: "v86's own save_state → restore_state, the same guest, idle, ms",
    figure: show(stock),
    target: `downtime ≤ 1/20: 1/${(stock.median / ours).toFixed(0)}`,
    reached: ours <= stock.median / 20,
  })

  const hetero = summarize(downtimes([...dirtying, ...kvmXen]))
  const homo = summarize(downtimes([...xenXen, ...kvmKvm]))
  rows.push(ratio('downtime, heterogeneous / homogeneous', hetero.median, homo.median, hetero.n + homo.n, 1.1))
  const at64 = summarize(downtimes(small))
  const at256 = summarize(downtimes(large))
  rows.push(ratio('downtime, 256 MB / 64 MB', at256.median, at64.median, at256.n + at64.n, 1.2))

  const rate = summarize(gigabit.map((report) => (firstRoundRate(report) * 8) / 1e9))
  rows.push({
    measured: 'rate on a 1 Gbit/s link, Gbit/s',
    figure: show(rate, 3),
    target: '≥ 0.9',
    reached: rate.median >= 0.9,
  })
  return rows
}

function ratio(measured: string, a: number, b: number, n: number, limit: number): Row {
  const figure = `${(a / b).toFixed(2)} × (${a.toFixed(2)} / ${b.toFixed(2)} ms, n ${n})`
  return { measured, figure, target: `≤ ${limit} ×`, reached: a / b <= limit }
}
