/** The experiments of a lab: those in its store, and the one that it carries out. */
import { randomUUID } from 'node:crypto'
import type { Plan } from '../../contract/experiment-plan.ts'
import type { ExperimentView } from '../../contract/experiments.ts'
import { FerryError } from '../../util/errors.ts'
import type { Lab } from '../lab.ts'
import { thisMachine } from '../machine-identity.ts'
import type { Runs } from '../runs.ts'
import type { ExperimentRecord, MachineRecord, TrialRecord } from '../store/experiment-records.ts'
import { isHeld } from '../store/experiment-store.ts'
import { meansHere, priorsOf, problemsOf } from './check.ts'
import { conditionsOf, type Shard, titleOf, type Trial, trialsOf, WHOLE } from './expand.ts'
import { ActiveExperiment } from './experiment.ts'
import { ownerAlive, ownerOf } from './owner.ts'
import { digestOf, parsePlan } from './plan.ts'
import { Pulse } from './pulse.ts'
import { viewOf } from './view.ts'

export class Experiments {
  readonly #lab: Lab
  readonly #runs: Runs
  /** This lab among the processes that use the store. */
  readonly #token = randomUUID().slice(0, 8)
  #machine: MachineRecord | null
  #active: { id: string; experiment: ActiveExperiment; over: Promise<void> } | null = null
  readonly #plans = new Map<string, { plan: Plan; conditions: string[] }>()
  /** Experiments whose warm-up was made in this process. */
  readonly #warm = new Set<string>()

  /** @param machine the machine that measures; absent: this one, found out when it is needed */
  constructor(lab: Lab, runs: Runs, machine?: MachineRecord) {
    this.#lab = lab
    this.#runs = runs
    this.#machine = machine ?? null
  }

  list(): ExperimentView[] {
    return this.#store.list().map((record) => this.#view(record))
  }

  /** @throws FerryError `experiment.unknown` */
  get(id: string): ExperimentView {
    return this.#view(this.#store.get(id))
  }

  /** @throws FerryError `plan.*`, `experiment.busy`, `machine.identity` */
  async start(plan: Plan, shard: Shard = WHOLE): Promise<ExperimentView> {
    this.#checkFree()
    const todo = trialsOf(plan, shard)
    const machine = this.#thisMachine()
    const record: ExperimentRecord = {
      experiment_id: randomUUID(),
      plan_digest: digestOf(plan),
      name: plan.name,
      plan_json: JSON.stringify(plan),
      shard_index: shard.index,
      shard_count: shard.count,
      created_at: new Date().toISOString(),
      state: 'paused',
      owner: null,
      owner_seen_ms: null,
    }
    const priors = await this.#priors(plan)
    this.#checkFree()
    this.#store.add(record, machine)
    return this.#run(record, plan, todo, priors)
  }

  /** @throws FerryError `experiment.over`, `experiment.busy`, `experiment.elsewhere`, `plan.*` */
  async resume(id: string): Promise<ExperimentView> {
    const record = this.#store.get(id)
    if (this.#active?.id === id) return this.#view(record)
    if (record.state === 'completed' || record.state === 'cancelled') {
      const message = `The experiment "${record.name}" was ${record.state}: nothing of it is left. Start its plan anew.`
      throw new FerryError('experiment.over', message, { experiment_id: id, state: record.state })
    }
    this.#checkFree()
    const plan = parsePlan(record.plan_json)
    const priors = await this.#priors(plan)
    this.#checkFree()
    this.#claim(id)
    this.#settleBroken(id)
    return this.#run(record, plan, this.#left(record, plan), priors)
  }

  /** @throws FerryError `experiment.not-running` */
  pause(id: string): ExperimentView {
    this.#running(id).pause()
    return this.get(id)
  }

  /** @throws FerryError `experiment.over`, `experiment.elsewhere` */
  cancel(id: string): ExperimentView {
    if (this.#active?.id === id) {
      this.#active.experiment.cancel()
      return this.get(id)
    }
    const record = this.#store.get(id)
    if (record.state !== 'completed' && record.state !== 'cancelled') {
      this.#claim(id)
      this.#settleBroken(id)
      this.#store.release(id, 'cancelled')
      this.#lab.events.emit('experiments.changed', this.get(id))
    }
    return this.get(id)
  }

  async wait(id: string): Promise<ExperimentView> {
    if (this.#active?.id === id) await this.#active.over
    return this.get(id)
  }

  /** @throws FerryError `experiment.unknown`, `experiment.running` */
  remove(id: string): void {
    const { state } = this.get(id)
    if (state === 'running' || state === 'pausing' || state === 'cancelling' || state === 'elsewhere') {
      throw new FerryError('experiment.running', 'The experiment is carried out at this moment. Cancel it first.')
    }
    this.#store.remove(id)
    this.#lab.events.emit('experiments.removed', { experiment_id: id })
  }

  /** Breaks off what is under way, so that it can go on later; to be called before the runs are closed. */
  async close(): Promise<void> {
    this.#active?.experiment.leave()
    await this.#active?.over
  }

  get #store() {
    return this.#lab.store.experiments
  }

  #thisMachine(): MachineRecord {
    return (this.#machine ??= thisMachine())
  }

  #owner(): string {
    return ownerOf(this.#token, this.#thisMachine().machine_id)
  }

  #claim(id: string): void {
    const { machine_id } = this.#thisMachine()
    this.#store.claim(id, this.#owner(), Date.now(), (owner) => ownerAlive(owner, machine_id))
  }

  #checkFree(): void {
    if (this.#active === null) return
    const { name } = this.#store.get(this.#active.id)
    const message = `The experiment "${name}" is under way, and a second one would disturb it. Pause or cancel it first.`
    throw new FerryError('experiment.busy', message, { experiment_id: this.#active.id })
  }

  #running(id: string): ActiveExperiment {
    if (this.#active?.id === id) return this.#active.experiment
    const { name } = this.#store.get(id)
    throw new FerryError('experiment.not-running', `The experiment "${name}" does not run here.`, { experiment_id: id })
  }

  async #priors(plan: Plan): Promise<number[]> {
    const conditions = conditionsOf(plan)
    const means = await meansHere()
    const [problem] = problemsOf(conditions, means)
    if (problem !== undefined) throw new FerryError('plan.impossible', `${problem} Nothing was started.`)
    return priorsOf(this.#lab, plan, conditions, means)
  }

  /** Attempts that a process left behind: those whose run was stored are as good as ended, the others are made again. */
  #settleBroken(id: string): void {
    for (const held of this.#store.trials(id)) {
      if (held.state !== 'running') continue
      const report = held.run_id === null ? null : this.#lab.store.report(held.run_id)
      const kept = report?.outcome === 'completed' || report?.outcome === 'failed' ? report : undefined
      this.#store.end(held, {
        state: kept?.outcome === 'completed' ? 'completed' : kept === undefined ? 'interrupted' : 'failed',
        error: kept === undefined ? INTERRUPTED : kept.error,
        duration_ms: kept?.total_ms ?? 0,
      })
    }
  }

  /** In a new process the emulator and the codecs are cold again: what is left is warmed up for anew. */
  #left(record: ExperimentRecord, plan: Plan): Trial[] {
    const left = this.#leftOf(record, plan)
    if (left.length === 0 || this.#warm.has(record.experiment_id)) return left
    const ended = this.#ended(record.experiment_id)
    const shard = { index: record.shard_index, count: record.shard_count }
    const again = trialsOf(plan, shard).filter(
      ({ warm_up, repeat, trial }) => warm_up && repeat === 1 && ended.has(trial),
    )
    return [...again, ...left]
  }

  #run(record: ExperimentRecord, plan: Plan, todo: readonly Trial[], priors: readonly number[]): ExperimentView {
    const { experiment_id: id } = record
    this.#claim(id)
    const machine = this.#thisMachine()
    const pulse = new Pulse(() => this.#lab.events.emit('experiments.changed', this.get(id)))
    const timed = this.#store
      .trials(id)
      .flatMap(({ state, machine_id, condition, duration_ms }) =>
        state === 'completed' && machine_id === machine.machine_id && duration_ms !== null
          ? [{ condition, duration_ms }]
          : [],
      )
    const experiment = new ActiveExperiment({
      lab: this.#lab,
      runs: this.#runs,
      record,
      plan,
      conditions: conditionsOf(plan),
      todo,
      machine,
      owner: this.#owner(),
      priors,
      timed,
      onChange: () => pulse.beat(),
    })
    this.#warm.add(id)
    const over = experiment.finished
      .catch((thrown: unknown) => this.#lab.note(`An experiment ended early: ${FerryError.from(thrown).message}`))
      .then(() => {
        this.#active = null
        pulse.close()
        this.#lab.events.emit('experiments.changed', this.get(id))
      })
    this.#active = { id, experiment, over }
    pulse.beat()
    return this.get(id)
  }

  #view(record: ExperimentRecord): ExperimentView {
    const { experiment_id: id } = record
    const { plan, conditions } = this.#expanded(record)
    const active = this.#active?.id === id ? this.#active.experiment : null
    const left = active?.left ?? (record.state === 'completed' ? 0 : this.#leftOf(record, plan).length)
    const counts = this.#store.counts(id)
    return viewOf({ record, plan, conditions, counts, left, active, held: this.#isElsewhere(record) })
  }

  /** A plan never changes, and is asked for four times a second while guests are measured. */
  #expanded({ experiment_id: id, plan_json }: ExperimentRecord): { plan: Plan; conditions: string[] } {
    const known = this.#plans.get(id)
    if (known !== undefined) return known
    const plan = parsePlan(plan_json)
    const made = { plan, conditions: conditionsOf(plan).map((condition) => titleOf(plan, condition)) }
    this.#plans.set(id, made)
    return made
  }

  /** Trials that have not ended, in order. */
  #leftOf({ experiment_id, shard_index, shard_count }: ExperimentRecord, plan: Plan): Trial[] {
    const ended = this.#ended(experiment_id)
    return trialsOf(plan, { index: shard_index, count: shard_count }).filter(({ trial }) => !ended.has(trial))
  }

  #ended(id: string): Set<number> {
    return new Set(this.#store.trials(id).flatMap(({ trial, state }) => (isEnded(state) ? [trial] : [])))
  }

  #isElsewhere({ owner, owner_seen_ms }: ExperimentRecord): boolean {
    const here = this.#machine?.machine_id ?? null
    return isHeld({ owner, owner_seen_ms }, Date.now(), (held) => ownerAlive(held, here))
  }
}

const INTERRUPTED = {
  code: 'trial.interrupted',
  message: 'Its process ended before the trial did; the trial was made again.',
}

const isEnded = (state: TrialRecord['state']): boolean => state === 'completed' || state === 'failed'
