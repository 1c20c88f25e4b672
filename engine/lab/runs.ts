/** Migrations as runs: probes before and after, the migration itself, the guest's check, the report, the store. */
import { randomUUID } from 'node:crypto'
import type { CompatibilityPoint, MigrateInput } from '../contract/lab.ts'
import type { MessageDetails, MessageView } from '../contract/messages.ts'
import type { RunReport } from '../contract/report.ts'
import { savingsWith } from '../contract/savings.ts'
import { CPU_FEATURES, devicesOf } from '../machine/profile.ts'
import { checkCompatibility, statePoint } from '../migration/compatibility.ts'
import { algorithmOf, isAlgorithmName } from '../migration/policy/pool.ts'
import { FileRecorder, type Recorder } from '../migration/protocol/recorder.ts'
import { migrate } from '../migration/source.ts'
import type { MigrationResult } from '../migration/source-options.ts'
import * as translator from '../hypervisors/translate.ts'
import { outage } from '../network/outage.ts'
import type { Probe, ProbeSeries } from '../network/probe.ts'
import { sleep, nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import { FORMAT_VERSION } from '../vmstate/container.ts'
import { ActiveRun } from './active-run.ts'
import { type Choice, policyOf } from './choice.ts'
import type { Guest } from './guest.ts'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { algorithmsOf } from './pools.ts'
import { collectProvenance, type Json } from './provenance.ts'
import { messageDetails, messageOf } from './run-messages.ts'
import { RunTelemetry } from './run-telemetry.ts'
import { type KeptMessage, probeRecords, type StoredRun } from './store/records.ts'

/** The client looks at the guest for so long before and after the migration, so that the outage has a normal around it. */
const PROBE_LEAD_MS = 150
const PROBE_TAIL_MS = 250
const PING_DEADLINE_MS = 1000

export class Runs {
  readonly #lab: Lab
  readonly #active = new Map<string, ActiveRun>()

  constructor(lab: Lab) {
    this.#lab = lab
  }

  /** @throws FerryError `run.unknown` */
  active(id: string): ActiveRun {
    const run = this.#active.get(id)
    if (run === undefined) throw new FerryError('run.unknown', `No migration ${id} is under way.`, { run_id: id })
    return run
  }

  /** Every migration under way, in the order in which they were asked for. */
  get all(): readonly ActiveRun[] {
    return [...this.#active.values()]
  }

  /** The migration of a guest that is under way. */
  of(guest: Guest): ActiveRun | undefined {
    return this.all.find((run) => run.guest === guest)
  }

  /** Messages of a run from one on, under way or stored. @throws FerryError `run.unknown` */
  messages(id: string, from: number): { first: number; messages: MessageView[] } {
    const active = this.#active.get(id)
    const all: readonly MessageView[] = active === undefined ? this.stored(id).messages : active.messages.kept
    return { first: Math.min(from, all.length), messages: all.slice(from).map(messageOf) }
  }

  /** One message of a run, under way or stored. @throws FerryError `run.unknown`, `run.no-message` */
  message(id: string, index: number): MessageDetails {
    const active = this.#active.get(id)
    const found = active === undefined ? this.#lab.store.message(id, index) : active.messages.kept[index]
    if (found !== null && found !== undefined) return messageDetails(found, index)
    const messages = this.messages(id, 0).messages.length
    const message = `The run has ${messages} messages; there is no message ${index}.`
    throw new FerryError('run.no-message', message, { run_id: id, index, messages })
  }

  /** The report of a run, now or when it is done. @throws FerryError `run.unknown` */
  async finished(id: string): Promise<RunReport> {
    return this.#active.get(id)?.finished ?? this.stored(id).report
  }

  /** A run in the store. @throws FerryError `run.unknown` */
  stored(id: string): StoredRun {
    const run = this.#lab.store.get(id)
    if (run === null) throw new FerryError('run.unknown', `There is no run ${id}.`, { run_id: id })
    return run
  }

  /** Cancels what is under way and waits until it is stored. */
  async close(): Promise<void> {
    const { all } = this
    for (const run of all) run.abandon()
    await Promise.allSettled(all.map(({ finished }) => finished))
  }

  /** The check of stage 0, without a connection; and of the guest's state, where the target may have something to say of it. */
  async check(input: MigrateInput): Promise<CompatibilityPoint[]> {
    const guest = this.#lab.guest(input.guest)
    const target = this.#lab.host(input.to)
    const source = this.#lab.host(guest.residence.host)
    const points = checkCompatibility(
      {
        source: { name: source.name, kind: source.kind },
        guest: summary(guest),
        formatVersion: FORMAT_VERSION.major,
        algorithms: [...algorithmsOf(this.#lab, input)],
      },
      target.offer(),
      source.address,
    )
    const { hypervisor } = target
    // A capture in QEMU stops the guest, and what comes from there can go to another.
    const alive = guest.state === 'running' || guest.state === 'paused'
    if (hypervisor.refusals === undefined || source.kind === target.kind || !alive) return points
    const state = await guest.residence.machine.capture()
    return [...points, statePoint(hypervisor.refusals(state), target.name)]
  }

  /**
   * Starts a migration; its outcome, failures too, is the report that `finished` resolves with.
   * @param choice what was predicted, by which algorithm; null = nothing
   * @throws FerryError `guest.*`, `host.*`, `link.*`, `algorithm.*` for what can be seen beforehand
   */
  start(input: MigrateInput, choice: Choice | null = null): ActiveRun {
    const guest = this.#lab.guest(input.guest)
    const target = this.#lab.host(input.to)
    if (guest.residence.host === target.name) {
      throw new FerryError('guest.already-there', `The guest ${guest.identity.name} is on ${target.name} already.`)
    }
    const algorithms = choice === null ? algorithmsOf(this.#lab, input) : [choice.algorithm]
    const run = new ActiveRun(randomUUID(), guest, target.name, input, policyOf(this.#lab, input))
    this.#lab.beginMigration(guest)
    const release = this.#lab.standby.hold()
    const finished = this.#carryOut(run, target, { ...input, algorithms: [...algorithms] }, choice)
      .catch((thrown: unknown) => {
        // Nothing was begun (a recording that cannot be written, say): the guest runs as before.
        if (!run.begun) this.#lab.setState(guest, 'running')
        throw thrown
      })
      .finally(() => {
        this.#active.delete(run.id)
        release()
      })
    run.carriedOut(finished)
    this.#active.set(run.id, run)
    return run
  }

  async #carryOut(run: ActiveRun, target: Host, input: MigrateInput, choice: Choice | null): Promise<RunReport> {
    const { id, guest } = run
    const lab = this.#lab
    const source = lab.host(guest.residence.host)
    const probe = await this.#startProbe(guest, input.probe_ms ?? 5)
    const recorder = input.record === undefined ? undefined : new FileRecorder(input.record)
    const startedAtMs = nowMs()
    run.starts(startedAtMs)
    const sourceMachine = guest.residence.machine
    const telemetry = new RunTelemetry(id, lab.events, startedAtMs, probe)
    const migration = migrate({
      session: id,
      host: { name: source.name, kind: source.kind },
      target: { name: target.name, kind: target.kind, address: target.address, port: target.port },
      guest: summary(guest),
      settings: {
        ramBytes: guest.ramBytes,
        vgaBytes: sourceMachine.config.vgaBytes,
        mac: guest.identity.mac,
        apic: sourceMachine.config.apic,
        disk: guest.disk?.name ?? null,
      },
      formatVersion: FORMAT_VERSION.major,
      machine: sourceMachine,
      hypervisor: source.hypervisor,
      translator,
      lease: guest.lease,
      algorithms: input.algorithms?.filter(isAlgorithmName),
      policy: run.policy,
      link: run.link,
      savings: savingsWith(input.savings),
      verify: scopeOf(input),
      cutInStage: input.cut_in_stage,
      tuning: source.abilities.tuning,
      seed: input.seed,
      recorder,
      onProgress: (event) => lab.events.emit('migrations.progress', { run_id: id, ...run.progressed(event) }),
      onMessage: (event) => telemetry.message(run.messages.add(event)),
      pages: run.pages,
      release: () => sourceMachine.close(),
    })
    run.follow(migration)
    const result = await migration.finished
    const endedAtMs = nowMs()
    await closeRecorder(recorder, lab)
    lab.setState(guest, stateAfter(result))
    const series = await stopProbe(probe)
    telemetry.end()
    const seen = series === null ? null : outage(series, { fromMs: startedAtMs, toMs: endedAtMs + PROBE_TAIL_MS })
    const wantsCheck = (input.check ?? true) && guest.image.entry !== undefined
    const report: RunReport = {
      ...result.report,
      guest: guest.image.name,
      workload: guest.workload,
      outage_ms: seen?.outage_ms ?? null,
      prediction: choice?.prediction ?? null,
      guest_check: wantsCheck && guest.state === 'running' ? await this.#check(guest) : null,
    }
    this.#keep(report, run.messages.kept, series, startedAtMs, input, guest)
    lab.events.emit('runs.added', report)
    return report
  }

  /** Stores a finished run. The report is the user's even where the store cannot take it. */
  #keep(
    report: RunReport,
    messages: readonly KeptMessage[],
    series: ProbeSeries | null,
    startedAtMs: number,
    input: MigrateInput,
    guest: Guest,
  ): void {
    const seed = input.seed ?? 1
    const settings = plain({ ...input, workload: guest.workload, image: guest.image.name, seed })
    try {
      this.#lab.store.saveRun(report, {
        messages,
        probes: series === null ? [] : probeRecords(series, startedAtMs),
        provenance: collectProvenance({ settings, seed, images: { ...guest.image.digests } }),
      })
    } catch (thrown) {
      this.#lab.note(`The run ${report.run_id} could not be stored: ${FerryError.from(thrown).message}`)
    }
  }

  /** What the guest found is noted where it is not well: the report has room for a word only. */
  async #check(guest: Guest): Promise<'ok' | 'failed'> {
    const failed = (why: string) => {
      this.#lab.note(`The guest ${guest.identity.name} did not pass its own check: ${why}`)
      return 'failed' as const
    }
    try {
      const { ok, answer } = await guest.check()
      return ok ? 'ok' : failed(answer)
    } catch (thrown) {
      // A guest that does not answer any more has not passed.
      return failed(FerryError.from(thrown).message)
    }
  }

  /** Null where the guest does not answer: it has no network, or not yet. */
  async #startProbe(guest: Guest, intervalMs: number): Promise<Probe | null> {
    if (intervalMs === 0) return null
    const { client } = this.#lab
    const { ip } = guest.identity
    try {
      await client.ping(ip, PING_DEADLINE_MS)
      const probe = await client.probe({ ip, intervalMs, kind: 'icmp' })
      await sleep(PROBE_LEAD_MS)
      return probe
    } catch {
      return null
    }
  }
}

/** Of what QEMU sends by itself nobody here knows what memory of devices it has. */
function scopeOf({ verify_ram, algorithms }: MigrateInput): 'none' | 'ram' | 'all' {
  if (verify_ram !== true) return 'none'
  return algorithms?.some((name) => algorithmOf(name)?.mechanism.native === true) === true ? 'ram' : 'all'
}

async function stopProbe(probe: Probe | null): Promise<ProbeSeries | null> {
  if (probe === null) return null
  await sleep(PROBE_TAIL_MS)
  return probe.stop()
}

async function closeRecorder(recorder: Recorder | undefined, lab: Lab): Promise<void> {
  try {
    await recorder?.close()
  } catch (thrown) {
    // The migration is over and right; only its recording is not.
    lab.note(FerryError.from(thrown).message)
  }
}

function summary(guest: Guest) {
  const { config, blocks } = guest.residence.machine
  return {
    id: guest.identity.id,
    name: guest.identity.name,
    ramBytes: guest.ramBytes,
    blocks: [...blocks],
    devices: devicesOf(config),
    cpuFeatures: [...CPU_FEATURES],
  }
}

function stateAfter({ guestAt }: MigrationResult): 'running' | 'paused' | 'crashed' {
  if (guestAt === 'lost') return 'crashed'
  return guestAt === 'undecided' ? 'paused' : 'running'
}

/** Settings as they are stored: without what was not given. */
function plain(settings: object): Record<string, Json> {
  return JSON.parse(JSON.stringify(settings)) as Record<string, Json>
}
