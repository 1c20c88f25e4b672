import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import type { RunReport } from '../../engine/contract/report.ts'
import { condition } from '../../engine/guide/conditions.ts'
import { evaluate, evaluateAll, type Evidence } from '../../engine/guide/evaluate.ts'

const RUN: RunReport = {
  run_id: 'r1',
  outcome: 'completed',
  error: null,
  guest: 'labos',
  ram_B: 16 * 2 ** 20,
  from: 'xen',
  to: 'kvm',
  from_kind: 'xen',
  to_kind: 'kvm',
  algorithm: 'pre-copy',
  workload: 'dirty:2000',
  link: '1G',
  downtime_ms: 10,
  outage_ms: null,
  total_ms: 100,
  downtime_parts: null,
  critical_window: null,
  rounds: [],
  stages: [],
  pages_sent: 4096,
  pages_retransmitted: 12,
  pages_skipped: 0,
  throttle_max: 0,
  throttled_ms: 0,
  bytes_sent_B: 1000,
  savings: null,
  ram_equal: null,
  wrong_pages: null,
  verify_ms: null,
  pull: null,
  prediction: null,
  guest_check: 'ok',
  started_at: '2026-01-01T00:00:00.000Z',
}
const AT = '2026-01-01T00:00:10.000Z'
const NOTHING: Evidence = { hosts: [], guests: [], runs: [], acts: [], file: () => undefined }
const HOSTS = [
  { name: 'a', kind: 'xen' as const, guests: [], memory_B: 64 * 2 ** 20 },
  { name: 'b', kind: 'kvm' as const, guests: ['g'], memory_B: 2 ** 30 },
]

const look = (settings: Record<string, string>, evidence: Partial<Evidence>) =>
  evaluate(v.parse(condition, { id: 'c', title: 'C', ...settings }), { ...NOTHING, ...evidence })

describe('a run', () => {
  test('counts where it is of the wanted kind, and the reason is told where it is not', () => {
    expect(look({ kind: 'run', from: 'xen', to: 'kvm' }, { runs: [RUN] })).toMatchObject({ passed: true })
    expect(look({ kind: 'run', from: 'kvm' }, { runs: [RUN] }).detail).toMatch(
      /No completed run KVM → any yet.*Xen → KVM/,
    )
    expect(look({ kind: 'run' }, {}).detail).toMatch(/none was made since/)
    expect(look({ kind: 'run', at_least: '2' }, { runs: [RUN] }).detail).toMatch(/1 of 2/)
  })

  test('is measured against figures; one that was not measured fulfils nothing', () => {
    const where = (text: string) => look({ kind: 'run', where: text }, { runs: [RUN] })
    expect(where('downtime_ms <= 10, pages_retransmitted > 11').passed).toBe(true)
    expect(where('pages_retransmitted = 0').detail).toMatch(/pages_retransmitted was 12, wanted = 0/)
    expect(where('wrong_pages = 0').detail).toMatch(/not measured/)
    expect(look({ kind: 'run', ram_equal: 'yes' }, { runs: [RUN] }).detail).toMatch(/not compared/)
  })

  test('that failed counts where failures are asked for, by the code of its error', () => {
    const failed = { ...RUN, outcome: 'failed' as const, error: { code: 'refused.busy', message: '', data: {} } }
    expect(look({ kind: 'run', outcome: 'failed', error: 'refused.*' }, { runs: [failed] }).passed).toBe(true)
    expect(look({ kind: 'run' }, { runs: [failed] }).detail).toMatch(/failed \(refused.busy\)/)
  })

  test('is chosen by beginnings and alternatives', () => {
    const chosen = (algorithm: string, workload: string) =>
      look({ kind: 'run', algorithm, workload }, { runs: [RUN] }).passed
    expect(chosen('pull-copy|pre-copy', 'dirty*')).toBe(true)
    expect(chosen('pre', 'dirty*')).toBe(false)
    expect(chosen('pre-copy', 'idle|disk*')).toBe(false)
  })
})

test('medians are compared where both sides have enough runs', () => {
  const runs = [1, 3, 8].flatMap((downtime_ms) => [
    { ...RUN, downtime_ms, algorithm: 'a' },
    { ...RUN, downtime_ms: downtime_ms * 10, algorithm: 'b' },
  ])
  const compare = { kind: 'compare', figure: 'downtime_ms', of: 'algorithm=b', with: 'algorithm=a', at_least: '3' }
  expect(look({ ...compare, ratio_at_least: '9.5' }, { runs })).toMatchObject({ passed: true })
  expect(look({ ...compare, ratio_at_most: '2' }, { runs }).detail).toMatch(/30 \(n 3\) and 3 \(n 3\).*at most 2/)
  expect(look(compare, { runs: runs.slice(0, 5) }).detail).toMatch(/2 of 3 runs by b/)
})

test('hosts and guests are counted by kind', () => {
  const guests = [{ name: 'labos-1', image: 'labos', host: 'b', state: 'running' as const, workload: 'idle' }]
  const evidence = { hosts: HOSTS, guests }
  expect(look({ kind: 'guest', host: 'kvm' }, evidence).passed).toBe(true)
  expect(look({ kind: 'guest', host: 'xen' }, evidence).detail).toMatch(/labos-1 is running on b/)
  expect(look({ kind: 'host', host: 'xen', guests: '0', memory_at_most_MB: '64' }, evidence).passed).toBe(true)
  expect(look({ kind: 'host', host: 'kvm', guests: '0' }, evidence).detail).toMatch(/b has 1 guest/)
})

test('commands count by how they begin and how they ended', () => {
  const line = 'xm  migrate --live debian b'
  const done = { hosts: HOSTS, acts: [{ at: AT, what: 'command' as const, host: 'a', line, status: 0 }] }
  const failed = { hosts: HOSTS, acts: [{ at: AT, what: 'command' as const, host: 'a', line, status: 1 }] }
  const wanted = { kind: 'command', host: 'xen', line: 'xm migrate --live' }
  expect(look(wanted, done).passed).toBe(true)
  expect(look({ ...wanted, host: 'kvm' }, done).passed).toBe(false)
  expect(look(wanted, failed).detail).toMatch(/status 1/)
  expect(look({ ...wanted, result: 'failed' }, failed).passed).toBe(true)
})

test('files count by a line; hosts without files are told', () => {
  const wanted = { kind: 'file', host: 'xen', path: '/etc/x', line: '(relocation yes)' }
  const file = (text: string | null) => ({ hosts: HOSTS, file: () => text })
  expect(look(wanted, file('#(a)\n (relocation yes) \n')).passed).toBe(true)
  expect(look(wanted, file('#(relocation yes)')).detail).toMatch(/no line that begins/)
  expect(look(wanted, file(null)).detail).toMatch(/a has no file/)
  expect(look(wanted, { hosts: HOSTS }).detail).toMatch(/no terminals and files/)
})

describe('a check that comes after another', () => {
  const conditions = [
    { id: 'loaded', title: 'A guest ran', kind: 'guest' },
    { id: 'empty', title: 'None is left', kind: 'host', host: 'xen', guests: '0', after: 'loaded' },
    { id: 'crossed', title: 'It crossed', kind: 'run', after: 'loaded' },
    { id: 'told', title: 'Somebody asked', kind: 'command', line: 'xm list', after: 'crossed' },
  ].map((settings) => v.parse(condition, settings))
  const passed = (evidence: Partial<Evidence>, before: Record<string, string> = {}) =>
    [...evaluateAll(conditions, { ...NOTHING, ...evidence }, before, AT)]
      .filter(([, verdict]) => verdict.passed)
      .map(([id]) => id)
  const acts = [{ at: AT, what: 'command' as const, host: 'a', line: 'xm list', status: 0 }]

  test('is not true of a lab as it was at first, and says what comes before', () => {
    expect(passed({ hosts: HOSTS, runs: [RUN], acts })).toEqual([])
    const verdicts = evaluateAll(conditions, { ...NOTHING, hosts: HOSTS }, {}, AT)
    expect(verdicts.get('empty')?.detail).toBe('Comes after “A guest ran”.')
  })

  test('counts what ended or was done since that one passed', () => {
    const loaded = { loaded: '2026-01-01T00:00:00.050Z' }
    expect(passed({ hosts: HOSTS, runs: [RUN] }, loaded)).toEqual(['empty', 'crossed'])
    expect(passed({ hosts: HOSTS, runs: [RUN] }, { loaded: AT })).toEqual(['empty'])
    expect(passed({ runs: [RUN], acts }, loaded)).toEqual(['crossed', 'told'])
    expect(passed({ acts }, { ...loaded, crossed: '2026-01-01T00:00:11.000Z' })).toEqual([])
  })
})
