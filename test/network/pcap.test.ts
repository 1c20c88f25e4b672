import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Capture } from '../../engine/network/capture.ts'
import { pcapFile } from '../../engine/network/pcap.ts'
import { Switch } from '../../engine/network/switch.ts'
import { BROADCAST_MAC } from '../../engine/network/address.ts'
import { frameBetween, mac } from './arbitraries.ts'

/** An independent reader of the format. */
function read(file: Uint8Array): { frame: Uint8Array; micros: bigint }[] {
  const data = Buffer.from(file)
  expect(data.subarray(0, 24).toString('hex')).toBe('d4c3b2a1020004000000000000000000ee05000001000000')
  const frames = []
  for (let at = 24; at < data.length;) {
    const length = data.readUInt32LE(at + 8)
    expect(data.readUInt32LE(at + 12)).toBe(length)
    const micros = BigInt(data.readUInt32LE(at)) * 1_000_000n + BigInt(data.readUInt32LE(at + 4))
    frames.push({ frame: Uint8Array.from(data.subarray(at + 16, at + 16 + length)), micros })
    at += 16 + length
  }
  return frames
}

describe('pcap', () => {
  it('keeps every frame and its time to the microsecond', () => {
    const entry = fc.record({
      frame: fc.uint8Array({ minLength: 14, maxLength: 100 }),
      atMs: fc.double({ min: 0, max: 4e12, noNaN: true }),
    })
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 10 }), (entries) => {
        const frames = read(pcapFile(entries))
        expect(frames.map((f) => f.frame)).toEqual(entries.map((e) => e.frame))
        frames.forEach((f, i) => expect(f.micros).toBe(BigInt(Math.floor((entries[i]?.atMs ?? 0) * 1000))))
      }),
    )
  })
})

describe('capture', () => {
  it('sees each frame once, in order, until it is stopped', () => {
    const network = new Switch()
    const [a, b] = ['a', 'b'].map((name) => network.attach(name, () => undefined))
    const capture = new Capture(network)
    a?.send(frameBetween(mac(1), BROADCAST_MAC, 'one'))
    b?.send(frameBetween(mac(2), mac(1), 'two'))
    capture.stop()
    a?.send(frameBetween(mac(1), mac(2), 'three'))
    expect(read(capture.toFile()).map((f) => f.frame)).toEqual([
      frameBetween(mac(1), BROADCAST_MAC, 'one'),
      frameBetween(mac(2), mac(1), 'two'),
    ])
    expect(capture.frames.map((f) => f.port)).toEqual(['a', 'b'])
  })

  it('keeps within its limit and counts the rest', () => {
    const network = new Switch()
    const a = network.attach('a', () => undefined)
    const capture = new Capture(network, 200)
    for (let i = 0; i < 5; i++) a.send(frameBetween(mac(1), mac(2)))
    expect(capture.frames.length).toBe(2)
    expect(capture.missed).toBe(3)
  })
})
