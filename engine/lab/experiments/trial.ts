/**
 * Carries one trial out: a fresh guest on the experiment's own hosts, time to settle, a migration, the guest's end. The
 * guest is made anew each time, so that no trial finds what an earlier one left: pages written, caches filled, a clock
 * that was moved.
 */
import type { MigrateInput } from '../../contract/lab.ts'
import type { Condition } from '../../contract/experiment-plan.ts'
import type { ExperimentView } from '../../contract/experiments.ts'
import type { HostKind, RunReport } from '../../contract/report.ts'
import { sleep } from '../../util/clock.ts'
import { FerryError } from '../../util/errors.ts'
import type { Lab } from '../lab.ts'
import type { Runs } from '../runs.ts'
import { kindsOf, type Trial } from './expand.ts'

export type Phase = NonNullable<ExperimentView['current']>['phase']

/** Enough for the largest guest, and what hosts keep for themselves. */
const HOST_MEMORY_MB = 2048
/** How often a wait looks whether it is to be broken off. */
const LOOK_MS = 50

/** Hosts of the experiment, apart from the user's, so that the user's settings and guests are no condition of it. */
export class TrialHosts {
  readonly #lab: Lab
  readonly #own: string[] = []

  constructor(lab: Lab) {
    this.#lab = lab
  }

  /** Names of the hosts of a direction, made where they are not there yet. */
  async of(direction: Condition['direction']): Promise<{ from: string; to: string }> {
    const [from, to] = kindsOf(direction)
    return { from: await this.#host(from, 1), to: await this.#host(to, from === to ? 2 : 1) }
  }

  async #host(kind: HostKind, number: number): Promise<string> {
    const name = `experiment-${kind}${number === 1 ? '' : `-${number}`}`
    if (this.#own.includes(name)) return name
    await this.#lab.addHost({ name, kind, port: 0, memory_MB: HOST_MEMORY_MB })
    this.#own.push(name)
    return name
  }

  /** What cannot be removed (a guest was left on it) stays for the user to see. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#own.splice(0).map((name) => this.#lab.removeHost(name)))
  }
}

export interface TrialWork {
  readonly lab: Lab
  readonly runs: Runs
  readonly hosts: TrialHosts
  readonly made: Condition
  readonly trial: Trial
  readonly settle_ms: number
  /** The trial is to be broken off. */
  readonly broken: () => boolean
  readonly onPhase: (phase: Phase) => void
  /** The migration begins, as this run. */
  readonly onRun: (runId: string) => void
}

/** @throws FerryError `trial.broken`, or what kept the guest from being started or moved; no guest is left behind */
export async function carryOut(work: TrialWork): Promise<RunReport> {
  const { lab, runs, hosts, made, onPhase } = work
  onPhase('guest')
  const { from, to } = await hosts.of(made.direction)
  const guest = await lab.createGuest({
    image: made.guest,
    host: from,
    ...(made.ram_MB === null ? {} : { ram_MB: made.ram_MB }),
    workload: made.workload,
    heartbeat_ms: made.heartbeat_ms,
    disk_MB: made.disk_MB,
  })
  try {
    onPhase('settle')
    await settle(work)
    onPhase('migration')
    const run = runs.start(migrateInput(made, guest.id, to, work.trial.seed))
    work.onRun(run.id)
    return await run.finished
  } finally {
    onPhase('end')
    await lab.destroyGuest(guest.id)
  }
}

async function settle({ settle_ms, broken }: TrialWork): Promise<void> {
  for (let left = settle_ms; !broken() && left > 0; left -= LOOK_MS) await sleep(Math.min(LOOK_MS, left))
  if (broken()) throw new FerryError('trial.broken', 'The trial was broken off before its migration.')
}

/** The contract's form of a condition. */
export function migrateInput(made: Condition, guest: string, to: string, seed: number): MigrateInput {
  const { threshold_pages, max_rounds, max_downtime_ms } = made
  return {
    guest,
    to,
    algorithms: [made.algorithm],
    link: made.link,
    verify_ram: made.verify_ram,
    probe_ms: made.probe_ms,
    seed,
    savings: { zero: made.zero, delta: made.delta, compress: made.compress },
    ...(max_downtime_ms === null ? {} : { max_downtime_ms }),
    pre_copy: {
      skip_dirtied: made.skip_dirtied,
      throttle: made.throttle,
      ...(made.rate_control ? { rate_control: {} } : {}),
      ...(threshold_pages === null ? {} : { threshold_pages }),
      ...(max_rounds === null ? {} : { max_rounds }),
    },
  }
}
