/** How fast a guest runs in Ferry's machine, with the dirty log off, on, and off again, against v86 as it comes. */
import { GuestConsole } from '../../engine/lab/console.ts'
import { loadImage, startGuest } from '../../engine/lab/guest-images.ts'
import { createMachine } from '../../engine/machine/blank-machine.ts'
import { nowMs } from '../../engine/util/clock.ts'
import { type Row, summarize } from './statistics.ts'
import { stockSpeed, WARM_UPS } from './stock-v86.ts'

/** Shell arithmetic, memory traffic, processes: about half a second. */
const SCRIPT =
  'i=0; while [ $i -lt 8000 ]; do i=$((i+1)); done; ' +
  'dd if=/dev/zero bs=64k count=64 2>/dev/null | md5sum >/dev/null; ' +
  'i=0; while [ $i -lt 8 ]; do /bin/busybox true; i=$((i+1)); done'
/** How often a pre-copy on a fast link asks for the dirty pages. */
const ROUND_MS = 100
const BATCH = 5

export async function speedRows({
  guest,
  n,
  progress,
}: {
  guest: string
  n: number
  progress: (line: string) => void
}) {
  const image = await loadImage(guest)
  const config = { ramBytes: 128 * 2 ** 20, vgaBytes: 2 ** 20, mac: '02:00:00:00:00:01', disk: null, apic: false }
  const times = { stock: [] as number[], off: [] as number[], on: [] as number[], again: [] as number[] }

  async function ours(logging: boolean, machine: Awaited<ReturnType<typeof createMachine>>, console: GuestConsole) {
    if (logging) await machine.dirtyLogStart()
    const rounds = logging ? setInterval(() => void machine.dirtyLogFetch(true), ROUND_MS) : undefined
    const begun = nowMs()
    await console.command(`${SCRIPT}; echo DO""NE`, /DONE\r/, 120_000)
    const took = nowMs() - begun
    clearInterval(rounds)
    if (logging) await machine.dirtyLogStop()
    return took
  }

  // Both sides in turn, each in a fresh machine, so that a slow phase of the host meets both.
  for (let left = n; left > 0; left -= BATCH) {
    const count = Math.min(BATCH, left)
    times.stock.push(...(await stockSpeed(guest, SCRIPT, count)))
    const machine = await createMachine(config)
    const console = new GuestConsole(guest)
    console.listen(machine)
    console.feed(machine)
    await startGuest(image, machine, console, '10.0.0.11')
    for (let i = 0; i < WARM_UPS; i++) await ours(false, machine, console)
    for (let i = 0; i < count; i++) {
      times.off.push(await ours(false, machine, console))
      times.on.push(await ours(true, machine, console))
      times.again.push(await ours(false, machine, console))
    }
    await machine.close()
    progress(`guest speed: ${n - left + count} of ${n}`)
  }

  const row = (measured: string, values: number[], limit: number, against = times.stock): Row => {
    const own = summarize(values)
    const other = summarize(against)
    const percent = (100 * other.median) / own.median
    return {
      measured,
      figure: `${percent.toFixed(1)} % (${own.median.toFixed(0)} against ${other.median.toFixed(0)} ms, n ${own.n})`,
      target: `≥ ${limit} %`,
      reached: percent >= limit,
    }
  }
  return [
    row('guest speed, dirty log off, against unpatched v86', times.off, 99),
    row('guest speed, dirty log on (a round each 100 ms)', times.on, 95),
    row('guest speed, dirty log off again', times.again, 99),
    // Ferry's machine also sleeps and wakes more finely than v86; this row is the log alone.
    row('guest speed, dirty log on, against the same machine with it off', times.on, 95, times.off),
  ]
}
