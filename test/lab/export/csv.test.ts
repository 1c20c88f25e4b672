import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { probesCsv, roundsCsv, runsCsv, summaryCsv, windowsCsv } from '../../../engine/lab/export/csv.ts'
import { anyReport } from '../store/arbitraries.ts'
import { SAVED, brokenReport, sampleProbes, sampleReport } from '../store/samples.ts'

/** A reader of RFC 4180 as the standard's grammar says it; anything else throws. */
function parse(csv: string): string[][] {
  const rows: string[][] = []
  let at = 0
  while (at < csv.length) {
    const row: string[] = []
    for (;;) {
      const field = /"((?:[^"]|"")*)"|([^",\r\n]*)/y
      field.lastIndex = at
      const match = field.exec(csv)
      if (match === null) throw new Error(`no field at ${at}`)
      row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
      at = field.lastIndex
      if (csv[at] !== ',') break
      at++
    }
    if (csv.slice(at, at + 2) !== '\r\n') throw new Error(`no CRLF at ${at}: ${JSON.stringify(csv.slice(at, at + 9))}`)
    at += 2
    rows.push(row)
  }
  return rows
}

/** Rows as name → text. */
function table(csv: string): Record<string, string>[] {
  const [header = [], ...rows] = parse(csv)
  expect(new Set(header).size).toBe(header.length)
  return rows.map((row) => {
    expect(row).toHaveLength(header.length)
    return Object.fromEntries(header.map((name, i) => [name, row[i] ?? '']))
  })
}

describe('the raw export of runs', () => {
  it('has these columns, with their units', () => {
    expect(parse(runsCsv([]))).toEqual([
      [
        ...['run_id', 'started_at', 'outcome', 'error_code', 'error_message', 'error_data_json', 'guest', 'ram_B'],
        ...['from', 'to', 'from_kind', 'to_kind', 'algorithm', 'workload', 'link'],
        ...['downtime_ms', 'outage_ms', 'total_ms'],
        ...['downtime_parts_pause_ms', 'downtime_parts_last_pages_ms', 'downtime_parts_capture_ms'],
        ...['downtime_parts_pack_ms', 'downtime_parts_send_ms', 'downtime_parts_unpack_ms'],
        ...['downtime_parts_restore_ms', 'downtime_parts_resume_ms', 'rounds'],
        ...['stage_0_pre_migration_started_ms', 'stage_0_pre_migration_duration_ms'],
        ...['stage_1_reservation_started_ms', 'stage_1_reservation_duration_ms'],
        ...['stage_2_iterative_pre_copy_started_ms', 'stage_2_iterative_pre_copy_duration_ms'],
        ...['stage_3_stop_and_copy_started_ms', 'stage_3_stop_and_copy_duration_ms'],
        ...['stage_4_commitment_started_ms', 'stage_4_commitment_duration_ms'],
        ...['stage_5_activation_started_ms', 'stage_5_activation_duration_ms'],
        ...[
          'pages_sent',
          'pages_retransmitted',
          ...['pages_skipped', 'throttle_max', 'throttled_ms'],
          'bytes_sent_B',
          ...['zero_pages', 'free_pages', 'delta_pages', 'delta_saved_B', 'delta_misses'],
          ...['compression_algorithm', 'compression_frames', 'compression_in_B', 'compression_out_B'],
          ...['predicted_algorithm', 'predicted_downtime_ms', 'predicted_total_ms', 'predicted_bytes_B'],
          ...['predicted_slowdown', 'slowdown'],
          'ram_equal',
          'wrong_pages',
          'verify_ms',
          ...[
            'pull_pages',
            'pull_faults',
            'pull_requests',
            'pull_stall_ms',
            'pull_p50_us',
            'pull_p99_us',
            'pull_max_us',
          ],
          ...['pull_duration_ms', 'pull_recoveries', 'pull_paused_ms'],
          'guest_check',
          'note',
        ],
      ],
    ])
  })

  it('keeps every figure in full precision, dates in ISO-8601 and booleans as words', () => {
    const downtime_ms = 0.1 + 0.2
    const [row] = table(runsCsv([sampleReport(0, { downtime_ms, total_ms: 1e-7, ram_equal: false, savings: SAVED })]))
    expect(row).toMatchObject({
      started_at: '2026-01-01T00:00:00.000Z',
      downtime_ms: '0.30000000000000004',
      total_ms: '1e-7',
      downtime_parts_pack_ms: '0.25',
      rounds: '3',
      stage_3_stop_and_copy_duration_ms: '13',
      delta_saved_B: '3000000',
      compression_algorithm: 'zstd',
      ram_B: '67108864',
      ram_equal: 'false',
      guest_check: 'ok',
    })
  })

  it('shows failed and cancelled runs, with empty fields for what was not measured', () => {
    const rows = table(
      runsCsv([sampleReport(0), brokenReport(1, 'failed', { stages: [] }), brokenReport(2, 'cancelled')]),
    )
    expect(rows.map(({ outcome }) => outcome)).toEqual(['completed', 'failed', 'cancelled'])
    expect(rows[0]).toMatchObject({ error_code: '', error_message: '', error_data_json: '' })
    expect(rows[1]).toMatchObject({
      error_code: 'migration.failed',
      error_data_json: '{"stage":2,"peer":"kvm-1","host":null}',
      downtime_ms: '',
      downtime_parts_send_ms: '',
      stage_5_activation_started_ms: '',
      ram_equal: '',
      guest_check: '',
    })
  })

  it('is RFC 4180 for any report, and no figure is altered', () => {
    fc.assert(
      fc.property(fc.array(anyReport, { maxLength: 4 }), (reports) => {
        const rows = table(runsCsv(reports))
        expect(rows).toHaveLength(reports.length)
        const nullable = (text: string | undefined): number | null => (text === '' ? null : Number(text))
        rows.forEach((row, i) => {
          const report = reports[i]
          expect(nullable(row['downtime_ms'])).toBe(report?.downtime_ms)
          expect(Number(row['total_ms'])).toBe(report?.total_ms)
          expect(Number(row['bytes_sent_B'])).toBe(report?.bytes_sent_B)
          expect(nullable(row['downtime_parts_send_ms'])).toBe(report?.downtime_parts?.send_ms ?? null)
          const guest = report?.guest ?? ''
          expect([guest, `'${guest}`]).toContain(row['guest'])
        })
      }),
      { numRuns: 200 },
    )
  })

  it('quotes commas, quotes and all line ends', () => {
    const texts = ['a,b', 'say "go"', 'two\nlines', 'a lone\rreturn', 'dos\r\nline', ' spaces ', 'Gerät → 端末']
    const rows = table(runsCsv(texts.map((workload, i) => sampleReport(i, { workload }))))
    expect(rows.map(({ workload }) => workload)).toEqual(texts)
  })

  it('does not hand a formula to a spreadsheet', () => {
    const error = { code: 'x', message: '=HYPERLINK("http://evil")', data: {} }
    const [row] = table(runsCsv([brokenReport(0, 'failed', { error, guest: '-1+1' })]))
    expect(row).toMatchObject({ error_message: `'=HYPERLINK("http://evil")`, guest: `'-1+1` })
  })
})

describe('the raw exports of rounds and probes', () => {
  it('has one row a round', () => {
    const csv = roundsCsv([sampleReport(0), sampleReport(1), sampleReport(2, { rounds: [] })])
    expect(csv.split('\r\n')[0]).toBe('run_id,round,pages_sent,zero_pages,bytes_sent_B,dirty_pages,duration_ms')
    expect(table(csv)).toHaveLength(6)
    expect(table(csv)[4]).toEqual({
      run_id: 'run-1',
      round: '1',
      pages_sent: '8192',
      zero_pages: '100',
      bytes_sent_B: String(4096 * 8192 + 1),
      dirty_pages: '500',
      duration_ms: '150.25',
    })
  })

  it('has one row a stretch of the critical window; runs without one have none', () => {
    const csv = windowsCsv([sampleReport(0), sampleReport(1, { critical_window: null })])
    expect(csv.split('\r\n').slice(0, 4)).toEqual([
      'run_id,clock,side,inside,name,from_ms,to_ms',
      'run-0,one,source,,stop,0,6',
      'run-0,one,source,stop,last_pages,0,2',
      'run-0,one,source,stop,capture,2,5',
    ])
    expect(table(csv)).toHaveLength(7)
  })

  it('has one row a probe; a lost one has no answer, and negative times stay numbers', () => {
    const csv = probesCsv([{ run_id: 'run-0', probes: sampleProbes(0, 3) }])
    expect(csv).toBe(
      'run_id,seq,sent_ms,answered_ms,rtt_ms\r\n' +
        'run-0,0,-50,-49.5,0.5\r\nrun-0,1,-45,-44.5,0.5\r\nrun-0,2,-40,,\r\n',
    )
  })
})

describe('the summary', () => {
  const runs = [
    ...[10, 20, 30, 40].map((downtime_ms, i) => sampleReport(i, { downtime_ms, outage_ms: i === 0 ? null : 5 })),
    brokenReport(10, 'failed'),
    brokenReport(11, 'cancelled'),
    sampleReport(20, { algorithm: 'post-copy' }),
    sampleReport(21, { from_kind: 'kvm', to_kind: 'xen' }),
  ]

  it('counts failed and cancelled runs beside the completed, which alone make the statistics', () => {
    const rows = table(summaryCsv(runs))
    expect(rows.map((row) => [row['direction'], row['algorithm'], row['n']])).toEqual([
      ['kvm-xen', 'pre-copy', '1'],
      ['xen-kvm', 'post-copy', '1'],
      ['xen-kvm', 'pre-copy', '6'],
    ])
    expect(rows[2]).toMatchObject({
      completed: '4',
      failed: '1',
      cancelled: '1',
      downtime_n: '4',
      downtime_median_ms: '25',
      downtime_q1_ms: '17.5',
      downtime_q3_ms: '32.5',
      outage_n: '3',
      outage_median_ms: '5',
      bytes_sent_median_B: '80000001.5',
    })
  })

  it('gives one run no interval, and conditions without a completed run no figures', () => {
    const [lone] = table(summaryCsv([sampleReport(0)]))
    expect(lone).toMatchObject({ downtime_n: '1', downtime_median_ms: '20.25', downtime_ci95_low_ms: '' })
    const [none] = table(summaryCsv([brokenReport(0, 'failed')]))
    expect(none).toMatchObject({ n: '1', failed: '1', total_n: '0', total_median_ms: '', total_q1_ms: '' })
  })

  it('keeps apart what differs in any one condition', () => {
    const other: Partial<ReturnType<typeof sampleReport>>[] = [
      { from_kind: 'kvm' },
      { algorithm: 'hybrid' },
      { guest: 'linux' },
      { ram_B: 1 },
      { workload: 'idle' },
      { link: '10G' },
    ]
    const rows = table(summaryCsv([sampleReport(0), ...other.map((change, i) => sampleReport(i + 1, change))]))
    expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: 7 }, () => '1'))
  })

  it('is the same text for the same runs and seed, in whatever order they come', () => {
    const first = summaryCsv(runs, { seed: 5 })
    expect(summaryCsv([...runs].reverse(), { seed: 5 })).toBe(first)
  })
})
