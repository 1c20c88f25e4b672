/** A Debian Linux goes into a real QEMU and back, again and again, stopped at points that nobody chose. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { refusals } from '../../../engine/hypervisors/qemu/refusals.ts'
import { sleep } from '../../../engine/util/clock.ts'
import { arpReply, arpRequest } from '../../machine/frames.ts'
import { bootOf, Console, machine, MIB, random } from '../../machine/helpers.ts'
import { linuxGuest } from '../../linux-image.ts'
import { because, lacks, NEEDS } from '../../setup/needs.ts'
import { guestOf, streamOf } from './crossing.ts'
import { TestQemu } from './qemu-process.ts'

const ROUNDS = 6
const linux = await linuxGuest()
const missing = typeof linux === 'string' ? linux : lacks(NEEDS.qemu)

const TICKS = 'i=0; while :; do echo tick $i; i=$((i+1)); md5sum /tmp/f >/tmp/y; usleep 5000; done &'

test.skipIf(missing !== undefined)(`Linux: ${ROUNDS} times into QEMU and back${because(missing)}`, async () => {
  if (typeof linux === 'string') return
  const memoryMb = Math.max(64, linux.minimumMb)
  const config = { ramBytes: memoryMb * MIB, vgaBytes: MIB, mac: '02:00:00:00:00:07' }
  const here = await machine({ ...config, disk: null })
  const console = new Console(here, 120_000)
  await here.boot(bootOf(linux.plan({ memoryMb, address: '10.0.0.2/24' })))
  await here.resume()
  await console.waitFor(linux.ready ?? /# $/)
  await console.ask(
    'dd if=/dev/urandom of=/tmp/f bs=64k count=8 2>/dev/null; md5sum /tmp/f /bin/busybox >/tmp/sums; echo re""ady',
    /ready/,
  )
  await console.ask(TICKS, /tick 20\n/)
  const pick = random(11)
  for (let round = 0; round < ROUNDS; round++) {
    await sleep(200 + pick(300))
    const { state } = await here.stop({ inlinePages: 0 })
    expect(refusals(state)).toEqual([])
    const there = await new TestQemu({ ...config, incoming: true }).start()
    try {
      const file = join(there.folder, 'stream')
      writeFileSync(file, await streamOf(here, state))
      await there.load(file)
      await there.waitFor(/tick \d+\ntick \d+\n/)
      await there.until('its answer', () => {
        there.send(arpRequest())
        return there.frames.some((frame) => arpReply(frame) !== undefined)
      })
      await sleep(pick(500))
      await there.save(file)
      console.text += there.serial
      const { state: back, batches } = guestOf(readFileSync(file), here.config)
      const before = console.text.length
      await here.load(batches, back, 'freeze')
      await here.resume()
      await console.waitFor(/tick \d+\ntick \d+\n/, before)
    } finally {
      await there.close()
    }
  }
  await console.ask('kill %1; wait; md5sum -c /tmp/sums', /busybox: OK/)
  const ticks = [...console.text.matchAll(/^tick (\d+)\n/gm)].map(([, n]) => Number(n))
  expect(ticks.length).toBeGreaterThan(4 * ROUNDS)
  expect(ticks).toEqual(ticks.map((_, i) => (ticks[0] ?? 0) + i))
  expect(console.text).toContain('/tmp/f: OK')
  expect(await console.ask('dmesg | tail -5; echo do""ne', /done/)).not.toMatch(/BUG|Oops|panic|Call Trace|unstable/)
})
