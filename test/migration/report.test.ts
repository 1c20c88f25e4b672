/** The downtime's parts, the lease, the compatibility check. */
import { describe, expect, test } from 'vitest'
import { checkCompatibility, peerAllowed, refusalOf } from '../../engine/migration/compatibility.ts'
import type { HostOffer, MigrationRequest } from '../../engine/migration/compatibility.ts'
import { memoryLease, sharedLease } from '../../engine/migration/lease.ts'
import { downtimeOf, runTime } from '../../engine/migration/downtime.ts'
import type { SwitchOverTimes } from '../../engine/migration/downtime.ts'
import { COUNTERS, zeroStatistics } from '../../engine/migration/statistics.ts'

const TIMES: SwitchOverTimes = {
  pausedAtMs: 1000,
  lastPagesMs: 1,
  captureMs: 0.5,
  stopKnownMs: 1002,
  pagesSentMs: 1004,
  packMs: 0.25,
  commitSentMs: 1010,
  runningReceivedMs: 1012,
  verifyMs: 3,
  unpackMs: 0.5,
  restoreMs: 0.75,
  resumeMs: 0.1,
  runAtMs: 1011,
  sinceRunMs: 0.2,
}

describe('downtime', () => {
  test('is divided into parts that add up, the comparison left out', () => {
    const { downtime_ms, parts } = downtimeOf(TIMES)
    expect(downtime_ms).toBe(8)
    expect(parts.pause_ms).toBeCloseTo(0.5)
    expect(parts.last_pages_ms).toBeCloseTo(3)
    expect(parts.capture_ms).toBe(0.5)
    expect(parts.send_ms).toBeCloseTo(8 - 0.5 - 3 - 0.5 - 0.25 - 0.5 - 0.75 - 0.1)
    expect(Object.values(parts).reduce((a, b) => a + b, 0)).toBeCloseTo(8, 9)
  })
  test.each([
    ['claims too much', { unpackMs: 1e9, restoreMs: 1e9 }],
    ['claims negative times', { unpackMs: -5, restoreMs: -5 }],
  ])('stays whole when the target %s', (_, wrong) => {
    const { downtime_ms, parts } = downtimeOf({ ...TIMES, ...wrong })
    expect(downtime_ms).toBe(8)
    expect(Object.values(parts).every((ms) => ms >= 0)).toBe(true)
    expect(Object.values(parts).reduce((a, b) => a + b, 0)).toBeCloseTo(8, 9)
  })
  test('with clocks that differ the time is taken from RUNNING', () => {
    expect(runTime({ ...TIMES, runAtMs: 5 })).toBeCloseTo(1011.8)
    expect(runTime({ ...TIMES, runAtMs: 1e12, sinceRunMs: 1e12 })).toBe(1010)
  })
})

describe('lease', () => {
  test('goes only to a host that stands by, from its holder', () => {
    const lease = sharedLease(memoryLease('a'))
    expect(lease.transfer('a', 'b')).toBe(false)
    lease.standBy('b')
    expect(lease.transfer('b', 'b')).toBe(false)
    expect(lease.transfer('a', 'b')).toBe(true)
    expect([lease.holder(), lease.confirmed()]).toEqual(['b', false])
    lease.confirm('a')
    expect(lease.confirmed()).toBe(false)
    lease.confirm('b')
    expect(lease.confirmed()).toBe(true)
  })
  test('either the target stands down first, or it gets the lease: never both', () => {
    const first = sharedLease(memoryLease('a'))
    first.standBy('b')
    expect(first.standDown('b')).toBe(true)
    expect(first.transfer('a', 'b')).toBe(false)
    const second = sharedLease(memoryLease('a'))
    second.standBy('b')
    expect(second.transfer('a', 'b')).toBe(true)
    expect(second.standDown('b')).toBe(false)
  })
})

describe('compatibility', () => {
  const request: MigrationRequest = {
    source: { name: 'xen', kind: 'xen' },
    guest: {
      id: 'g1',
      name: 'g1',
      ramBytes: 64 << 20,
      blocks: [{ id: 0, name: 'ram', bytes: 64 << 20 }],
      devices: ['ne2k'],
      cpuFeatures: ['sse2'],
    },
    formatVersion: 1,
    algorithms: ['pre-copy'],
  }
  const offer: HostOffer = {
    name: 'kvm',
    kind: 'kvm',
    guestRamLimitBytes: 64 << 20,
    freeMemoryBytes: 64 << 20,
    devices: ['ne2k'],
    cpuFeatures: ['sse2'],
    formatVersions: [1],
    algorithms: ['pre-copy'],
    hostsAllow: ['^xen$'],
    knownPeers: [{ name: 'xen', address: '127.0.0.1' }],
    guestIds: [],
  }
  test('lists every point, each with its facts', () => {
    const points = checkCompatibility(request, offer, '127.0.0.1')
    expect(points).toHaveLength(8)
    expect(points.every((p) => p.ok && p.detail.endsWith('.'))).toBe(true)
    expect(refusalOf(points)).toBeNull()
  })
  test('tells every point that failed, and refuses with the first', () => {
    const points = checkCompatibility(request, { ...offer, devices: [], freeMemoryBytes: 1 }, '127.0.0.1')
    expect(points.filter((p) => !p.ok).map((p) => p.id)).toEqual(['memory', 'devices'])
    expect(refusalOf(points)).toMatchObject({ code: 'refused.out-of-memory', data: { failed: 'memory,devices' } })
  })
  test('tells why a host does not take guests by what it could take them by elsewhere', () => {
    const why = 'Linux here forbids it.'
    const points = checkCompatibility(
      { ...request, algorithms: ['pull-copy'] },
      { ...offer, algorithmsNote: why },
      '127.0.0.1',
    )
    const refusal = refusalOf(points)
    expect(refusal).toMatchObject({
      code: 'refused.no-common-algorithm',
      message: expect.stringContaining(why) as string,
    })
  })
  test('a name counts only from the address that it is known at', () => {
    const from = (address: string) =>
      checkCompatibility(request, offer, address).find(({ id }) => id === 'peer-allowed')
    expect(from('127.0.0.1')?.ok).toBe(true)
    expect(from('::ffff:127.0.0.1')?.ok).toBe(true)
    expect(from('10.0.0.7')?.ok).toBe(false)
    const byAddress = { ...offer, hostsAllow: ['10\\.0\\.0\\.7'] }
    const claimed = { ...request, source: { ...request.source, name: '10.0.0.7' } }
    expect(checkCompatibility(claimed, byAddress, '127.0.0.1')[0].ok).toBe(false)
    expect(checkCompatibility(request, byAddress, '10.0.0.7')[0].ok).toBe(true)
  })
  test.each([
    [[], ['x'], true],
    [['0\\.0\\.1'], ['10.0.0.1'], false],
    [['^localhost$', '^10\\.'], ['10.1.2.3'], true],
    [['^localhost$'], ['xlocalhost'], false],
    [['['], ['['], true],
    [['['], ['a'], false],
  ])('patterns %j and %j: %s', (patterns, names, expected) => {
    expect(peerAllowed(patterns, names)).toBe(expected)
  })
})

test('every counter has a sentence and a unit', () => {
  expect(Object.keys(zeroStatistics())).toEqual(Object.keys(COUNTERS))
  for (const { means, unit } of Object.values(COUNTERS)) {
    expect(means).toMatch(/^[A-Z].*\.$/)
    expect(unit).not.toBe('')
  }
})
