/**
 * What a run looks like from outside, the same for every peer: the beats on the serial line, and clients on the guest's
 * network. A game server is six players who each send 20 datagrams a second and wait for the answer, as in the
 * measurement of Quake 3 by Clark et al. (Live Migration of Virtual Machines, NSDI 2005, 6.4).
 */
import { outage, type OutageReport } from '../../../engine/network/outage.ts'
import type { Probe, ProbeSeries } from '../../../engine/network/probe.ts'
import type { Station } from '../../../engine/network/station.ts'
import { sleep } from '../../../engine/util/clock.ts'
import type { Client } from './loads.ts'
import type { Measured } from './row.ts'
import { continuity, largestGap, type TickReader } from './tick.ts'

/** The guest's addresses where the bench gives them out. */
export const GUEST = { ip: '10.0.0.11', mac: '02:fe:00:00:01:01' }
export const CLIENT = { name: 'client', mac: '02:fe:00:00:00:02', ip: '10.0.0.2' }

const PLAYERS = 6
const PLAYER_INTERVAL_MS = 50
/** Before the command, so that there is a normal to compare with. */
export const LEAD_MS = 400
/** After the end: a stall of the guest's first steps on the target counts too. */
export const TAIL_MS = 300

export class Observer {
  readonly #probes: Probe[] = []

  /** Begins to look; resolves when the clients' requests are under way. @throws FerryError `network.*` */
  async start(client: Client, station: Station, ip: string): Promise<void> {
    const players = client === 'players' ? PLAYERS : 0
    for (let i = 0; i < players; i++) {
      this.#probes.push(await station.probe({ ip, kind: 'udp', intervalMs: PLAYER_INTERVAL_MS }))
      await sleep(PLAYER_INTERVAL_MS / PLAYERS)
    }
  }

  /** What the clients saw between two moments. */
  async stop(window: { fromMs: number; toMs: number }): Promise<Partial<Measured>> {
    if (this.#probes.length === 0) return {}
    const series = await Promise.all(this.#probes.map((probe) => probe.stop()))
    const seen = outage(merged(series), window)
    return seen === null ? {} : figures(seen)
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
export function tickFigures({ ticks }: TickReader, { fromMs, toMs }: { fromMs: number; toMs: number }) {
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
