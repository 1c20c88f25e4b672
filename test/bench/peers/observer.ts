/**
 * What a run looks like from outside, the same for every peer: the beats on the serial line, and clients on the guest's
 * network. A game server is six players who each send 20 datagrams a second and wait for the answer, as in the
 * measurement of Quake 3 by Clark et al. (Live Migration of Virtual Machines, NSDI 2005, 6.4). A web server is kept busy
 * by browsers.
 */
import { outage, type OutageReport } from '../../../engine/network/outage.ts'
import type { Probe, ProbeSeries } from '../../../engine/network/probe.ts'
import type { Station } from '../../../engine/network/station.ts'
import type { Network } from '../../../engine/network/switch.ts'
import { nowMs, sleep } from '../../../engine/util/clock.ts'
import type { Client } from './loads.ts'
import type { Measured } from './row.ts'
import { continuity, largestGap, type TickReader, type Window } from './tick.ts'
import { Browsers } from './web/browsers.ts'

/** The guest's addresses where the bench gives them out. */
export const GUEST = { ip: '10.0.0.11', mac: '02:fe:00:00:01:01' }
export const CLIENT = { name: 'client', mac: '02:fe:00:00:00:02', ip: '10.0.0.2' }

const PLAYERS = 6
const PLAYER_INTERVAL_MS = 50
/** Before the command, so that there is a normal to compare with. */
export const LEAD_MS = 400
/** After the end: a stall of the guest's first steps on the target counts too. */
export const TAIL_MS = 300
/** A web server is waited for longer: what was lost is sent again after 200 ms, 400 ms, 800 ms. */
const WEB_TAIL_MS = 2000

/** Where the clients are: on the guest's network. */
export interface Scene {
  readonly network: Network
  readonly station: Station
  /** The guest's address. */
  readonly ip: string
}

export class Observer {
  readonly #probes: Probe[] = []
  #browsers: Browsers | null = null

  /** Begins to look; resolves when the clients' requests are under way. @throws FerryError `network.*`, `bench.web` */
  async start(client: Client, { network, station, ip }: Scene): Promise<void> {
    if (client === 'browsers') this.#browsers = await Browsers.start(network, ip)
    const players = client === 'players' ? PLAYERS : 0
    for (let i = 0; i < players; i++) {
      this.#probes.push(await station.probe({ ip, kind: 'udp', intervalMs: PLAYER_INTERVAL_MS }))
      await sleep(PLAYER_INTERVAL_MS / PLAYERS)
    }
  }

  /** Looks on for a while after the end, and tells what the clients saw since `fromMs`. */
  async stop({ fromMs }: { fromMs: number }): Promise<Partial<Measured>> {
    await sleep(this.#browsers === null ? TAIL_MS : WEB_TAIL_MS)
    const window = { fromMs, toMs: nowMs() }
    if (this.#browsers !== null) return webFigures(this.#browsers, window)
    if (this.#probes.length === 0) return {}
    const series = await Promise.all(this.#probes.map((probe) => probe.stop()))
    const seen = outage(merged(series), window)
    return seen === null ? {} : figures(seen)
  }

  /** Sends the clients home, however the run ended. */
  close(): void {
    this.#browsers?.stop()
    for (const probe of this.#probes) void probe.stop(0)
  }
}

/** The longest time without data, and the longest that was normal before. */
function webFigures({ arrivals, broken, wrong }: Browsers, { fromMs, toMs }: Window): Partial<Measured> {
  // That nothing came until the end is a gap, too.
  const all = [...arrivals, { seq: arrivals.length, atMs: toMs }]
  const before = arrivals.filter(({ atMs }) => atMs >= fromMs - LEAD_MS && atMs < fromMs)
  return {
    outage_ms: largestGap(all, { fromMs, toMs }),
    outage_resolution_ms: largestGap(before, { fromMs: -Infinity, toMs: fromMs }),
    unanswered: broken,
    ...(wrong === 0 ? {} : { note: `${wrong} files with another content than before` }),
  }
}

const figures = ({ outage_ms, resolution_ms, sent, lost, recovered }: OutageReport): Partial<Measured> => ({
  outage_ms,
  outage_resolution_ms: resolution_ms,
  unanswered: lost,
  ...(recovered ? {} : { note: `no answer to any of ${sent} requests until the clients gave up` }),
})

/** Several clients as one who asks as often as all of them together. Pure. */
export function merged(series: readonly ProbeSeries[]): ProbeSeries {
  const requests = series
    .flatMap(({ sentAtMs, answeredAtMs }) => Array.from(sentAtMs, (sent, i) => ({ sent, answered: answeredAtMs[i] })))
    .sort((a, b) => a.sent - b.sent)
  return {
    ...series[0],
    intervalMs: series[0].intervalMs / series.length,
    sentAtMs: Float64Array.from(requests, ({ sent }) => sent),
    answeredAtMs: Float64Array.from(requests, ({ answered }) => answered),
  }
}

/** What the beats tell of a migration from `fromMs` to `toMs`; nothing where the guest has no heartbeat. Pure. */
export function tickFigures({ ticks }: TickReader, { fromMs, toMs }: Window) {
  if (ticks.length === 0) return {}
  const { missing, repeated } = continuity(ticks)
  return {
    tick_gap_ms: largestGap(ticks, { fromMs, toMs: toMs + TAIL_MS }),
    tick_base_ms: largestGap(
      ticks.filter(({ atMs }) => atMs >= fromMs - LEAD_MS && atMs < fromMs),
      { fromMs: -Infinity, toMs: fromMs },
    ),
    ticks_missing: missing,
    ticks_repeated: repeated,
  }
}

/** Traces of a guest that is broken, in what it writes: of the kernel, and of the load that checks its own pages. */
const BROKEN = /Kernel panic|Oops|BUG:|general protection|segfault|Unable to handle|DIRTY WRONG/

/** The trace of a broken guest in its output, or null. */
export const brokenBy = (output: string): string | null => BROKEN.exec(output)?.[0] ?? null
