/** The link's syntax, the token bucket on a virtual clock, the order of a shaped stream. */
import { createServer, connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FerryError } from '../../engine/util/errors.ts'
import { LINK_PRESETS, directionOf, parseLink } from '../../engine/migration/link.ts'
import { Shaper } from '../../engine/migration/shaper.ts'
import { TokenBucket } from '../../engine/migration/token-bucket.ts'

describe('parseLink', () => {
  test.each(Object.keys(LINK_PRESETS))('preset %s', (name) => {
    expect(parseLink(name)).toBe(LINK_PRESETS[name])
    expect(parseLink(` ${name.toLowerCase()} `)).toBe(LINK_PRESETS[name])
  })
  test('ADSL: 8 Mbit/s towards the target, 1 Mbit/s back, 20 ms', () => {
    const link = parseLink('ADSL')
    expect(directionOf(link, 'source')).toEqual({ rate_bps: 8e6, latency_ms: 20, jitter_ms: 0 })
    expect(directionOf(link, 'target')).toEqual({ rate_bps: 1e6, latency_ms: 20, jitter_ms: 0 })
  })
  test('bandwidth, latency, jitter', () => {
    expect(parseLink('2.5G')).toMatchObject({ forward_bps: 2.5e9, backward_bps: 2.5e9, latency_ms: 0, jitter_ms: 0 })
    expect(parseLink('50M,10ms,2')).toMatchObject({ forward_bps: 50e6, latency_ms: 10, jitter_ms: 2 })
    expect(parseLink('8M/1M,20ms')).toMatchObject({ forward_bps: 8e6, backward_bps: 1e6, latency_ms: 20 })
    expect(parseLink('unlimited,5')).toMatchObject({ forward_bps: null, latency_ms: 5 })
  })
  test.each([
    '',
    'fast',
    '1T',
    '-1M',
    '1G,',
    '1G,x',
    '1G,1,1,1',
    '1M/1M/1M',
    '0',
    '9k',
    '101G',
    '1G,99999',
    'x'.repeat(99),
  ])('%j is refused', (text) => {
    expect(() => parseLink(text)).toThrow(FerryError)
  })
})

describe('token bucket', () => {
  test('timers that are late by less than a slice cost nothing: the rate is exact', () => {
    const step = fc.record({ bytes: fc.integer({ min: 375_000, max: 1_000_000 }), late: fc.nat(3) })
    fc.assert(
      fc.property(fc.array(step, { minLength: 20 }), (steps) => {
        const bucket = new TokenBucket(1e9, 5)
        let clock = 0
        let total = 0
        let left = 0
        for (const { bytes, late } of steps) {
          left = bucket.take(clock, bytes)
          total += bytes
          clock = left + late
        }
        // The burst is the head start of an idle link.
        expect(left).toBeCloseTo((total * 8) / 1e6 - 5, 6)
      }),
    )
  })
  test('never faster than the rate over any span, but for the burst', () => {
    const bucket = new TokenBucket(8e6, 10)
    bucket.take(0, 1000)
    // A long idle time gives no more than the burst: 10 ms are 10 kB.
    expect(bucket.take(10_000, 10_000)).toBe(10_000)
    expect(bucket.take(10_000, 1000)).toBeCloseTo(10_001)
  })
})

test('a shaped stream with jitter arrives whole and in order, also when the link changes', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const got: Buffer[] = []
  const received = new Promise<void>((resolve) => {
    server.on('connection', (socket) => {
      socket
        .on('data', (chunk: Buffer) => got.push(chunk))
        .on('end', () => {
          socket.end()
          resolve()
        })
    })
  })
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await new Promise((resolve) => socket.once('connect', resolve))
  const shaper = new Shaper(socket, directionOf(parseLink('100M,2ms,3ms'), 'source'), 7)
  const sent: Buffer[] = []
  for (let i = 0; i < 60; i++) {
    const chunk = Buffer.alloc(10_000, i)
    chunk.writeUInt32LE(i, 0)
    sent.push(chunk)
    shaper.write([chunk])
    if (i === 20) shaper.setDirection(directionOf(parseLink('20M,1ms'), 'source'))
    if (i === 40) shaper.setDirection(directionOf(parseLink('unlimited'), 'source'))
    if (shaper.full) await shaper.drained()
  }
  shaper.end()
  await received
  expect(Buffer.concat(got).equals(Buffer.concat(sent))).toBe(true)
  server.close()
})
