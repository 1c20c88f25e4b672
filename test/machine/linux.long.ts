/** A real kernel under the dirty log and across a move. */
import { expect, test } from 'vitest'
import { sleep } from '../../engine/util/clock.ts'
import { linuxGuest } from '../linux-image.ts'
import { bootLinux } from './linux-guest.ts'
import { machine, moveLive, wronglyZero } from './helpers.ts'
import { rounds } from './dirty-rounds.ts'

const linux = await linuxGuest()
const why = typeof linux === 'string' ? ` (skipped: ${linux})` : ''

test.skipIf(typeof linux === 'string')(
  `a Linux guest: no changed page is missed, and it lives on after two moves${why}`,
  { timeout: 120_000 },
  async () => {
    if (typeof linux === 'string') return
    const { first, console, changes } = await bootLinux(linux)
    await console.ask(
      'while :; do dd if=/dev/urandom of=/tmp/x bs=4096 count=60 conv=notrunc 2>/dev/null; done & echo st""arted',
      /started/,
    )
    for (const { missed, changed, logged } of await rounds(first, 4, () => 25)) {
      expect(missed).toEqual([])
      expect(changed).toBeGreaterThan(0)
      expect(logged).toBeLessThan(2 * changed + 400)
    }
    expect(await wronglyZero(first)).toEqual([])
    await first.resume()
    const second = await machine(changes)
    console.listenTo(second)
    const out = await moveLive(first, second, { rounds: 4, compare: true })
    expect(out.different).toEqual({})
    console.follow(second)
    await console.ask('echo al""ive 1', /alive 1/)
    const back = await moveLive(second, first, { rounds: 4, compare: true })
    expect(back.different).toEqual({})
    console.follow(first)
    await console.ask('kill $!; wait; echo al""ive 2; md5sum /bin/busybox >/tmp/sum; md5sum -c /tmp/sum', /OK/)
    await sleep(50)
    expect(console.text).not.toMatch(/BUG:|Oops|Kernel panic|segfault|Call Trace/)
  },
)
