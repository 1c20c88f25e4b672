/** An experiment under way in this process: its trials one after the other, each in the store before the next begins. */
import type { Condition, Plan } from '../../contract/experiment-plan.ts'
import type { ExperimentView } from '../../contract/experiments.ts'
import { nowMs } from '../../util/clock.ts'
import { FerryError } from '../../util/errors.ts'
import type { Lab } from '../lab.ts'
import type { Runs } from '../runs.ts'
import type { ExperimentRecord, MachineRecord, TrialEnd, TrialKey } from '../store/experiment-records.ts'
import { remainingMs, type Timed } from './estimate.ts'
import type { Trial } from './expand.ts'
import { carryOut, type Phase, TrialHosts } from './trial.ts'

/** So many failures one after the other are no accident: the experiment pauses, rather than fail to its end. */
const MOST_FAILURES = 5
/** A sign of life in the store (see `OWNER_SILENT_MS`). */
const SIGN_MS = 5000
/** Codes that mean: nothing is wrong with the trial, it was broken off from outside. */
const BROKEN_OFF = new Set(['trial.broken', 'lab.closed'])

export interface ExperimentWork {
  readonly lab: Lab
  readonly runs: Runs
  readonly record: ExperimentRecord
  readonly plan: Plan
  readonly conditions: readonly Condition[]
  /** Those that are to be carried out, in order; of warm-up, maybe once more. */
  readonly todo: readonly Trial[]
  readonly machine: MachineRecord
  readonly owner: string
  /** How long a trial of each condition takes, before any was made, ms. */
  readonly priors: readonly number[]
  /** Durations of trials of this machine that have ended already. */
  readonly timed: readonly Timed[]
  /** Something about it has changed. */
  readonly onChange: () => void
}

interface Current {
  readonly trial: Trial
  readonly sinceMs: number
  phase: Phase
  runId: string | null
}

export class ActiveExperiment {
  readonly #work: ExperimentWork
  readonly #timed: Timed[]
  #next = 0
  #wish: 'run' | 'pause' | 'cancel' | 'leave' = 'run'
  #current: Current | null = null
  #problem: string | null = null
  #finished: Promise<void> | null = null

  constructor(work: ExperimentWork) {
    this.#work = work
    this.#timed = [...work.timed]
  }

  /** Resolves when nothing of it runs any more; rejects where the store or the lab gave up. */
  get finished(): Promise<void> {
    this.#finished ??= this.#carryOut()
    return this.#finished
  }

  get state(): ExperimentView['state'] {
    if (this.#wish === 'cancel') return 'cancelling'
    return this.#wish === 'run' ? 'running' : 'pausing'
  }

  get problem(): string | null {
    return this.#problem
  }

  /** Trials that are left, the one under way included. */
  get left(): number {
    return this.#work.todo.length - this.#next
  }

  get current(): ExperimentView['current'] {
    if (this.#current === null) return null
    const { trial, phase, runId } = this.#current
    const { condition, repeat, warm_up } = trial
    return { number: this.#next + 1, condition, repeat, warm_up, phase, run_id: runId }
  }

  get eta_ms(): number {
    const [first, ...others] = this.#work.todo.slice(this.#next)
    if (first === undefined) return 0
    const { priors } = this.#work
    const spent = this.#current === null ? 0 : nowMs() - this.#current.sinceMs
    const rest = Math.max(0, remainingMs([first], this.#timed, priors) - spent)
    return rest + remainingMs(others, this.#timed, priors)
  }

  /** After the trial under way. */
  pause(): void {
    if (this.#wish === 'run') this.#wish = 'pause'
    this.#work.onChange()
  }

  /** Breaks the trial under way off. */
  cancel(): void {
    this.#wish = 'cancel'
    this.#breakOff()
    this.#work.onChange()
  }

  /** The lab closes: the trial under way is broken off, and the experiment can go on later. */
  leave(): void {
    if (this.#wish !== 'cancel') this.#wish = 'leave'
    this.#breakOff()
  }

  get #broken(): boolean {
    return this.#wish === 'cancel' || this.#wish === 'leave'
  }

  #breakOff(): void {
    const id = this.#current?.runId
    if (id !== undefined && id !== null) this.#work.runs.all.find((run) => run.id === id)?.cancel()
  }

  async #carryOut(): Promise<void> {
    const { lab, record, todo, owner } = this.#work
    const store = lab.store.experiments
    const hosts = new TrialHosts(lab)
    const sign = setInterval(() => store.seen(record.experiment_id, owner, Date.now()), SIGN_MS)
    let failures = 0
    try {
      while (this.#wish === 'run' && this.#next < todo.length) {
        const state = await this.#attempt(todo[this.#next], hosts)
        if (state !== 'interrupted') this.#next++
        failures = state === 'failed' ? failures + 1 : 0
        if (failures === MOST_FAILURES && this.#wish === 'run') {
          this.#wish = 'pause'
          this.#problem = `${MOST_FAILURES} trials failed one after the other, so the experiment was paused. The last one: ${this.#problem ?? ''}`
        }
        this.#work.onChange()
      }
    } finally {
      clearInterval(sign)
      this.#current = null
      await hosts.close()
      store.release(record.experiment_id, this.#stateAtEnd())
    }
  }

  #stateAtEnd(): ExperimentRecord['state'] {
    if (this.#wish === 'cancel') return 'cancelled'
    return this.left === 0 ? 'completed' : 'paused'
  }

  async #attempt(trial: Trial, hosts: TrialHosts): Promise<TrialEnd['state']> {
    const { lab, runs, record, machine, plan, conditions, onChange } = this.#work
    const { experiment_id } = record
    const store = lab.store.experiments
    const before = store.trials(experiment_id).filter((held) => held.trial === trial.trial)
    const key: TrialKey = { experiment_id, trial: trial.trial, attempt: before.length + 1 }
    const current: Current = { trial, sinceMs: nowMs(), phase: 'guest', runId: null }
    this.#current = current
    const { condition, repeat, warm_up } = trial
    const { machine_id } = machine
    store.begin({ ...key, condition, repeat, warm_up, machine_id, started_at: new Date().toISOString() }, machine)
    const end = await this.#endOf(() =>
      carryOut({
        lab,
        runs,
        hosts,
        made: conditions[condition],
        trial,
        settle_ms: plan.settle_ms,
        broken: () => this.#broken,
        onPhase: (phase) => {
          current.phase = phase
          onChange()
        },
        onRun: (runId) => {
          current.runId = runId
          store.runOf(key, runId)
          onChange()
        },
      }),
    )
    const duration_ms = nowMs() - current.sinceMs
    store.end(key, { ...end, duration_ms })
    if (end.state === 'completed') this.#timed.push({ condition, duration_ms })
    if (end.error !== null && end.state === 'failed') this.#problem = end.error.message
    if (warm_up && current.runId !== null) this.#markWarmUp(current.runId)
    return end.state
  }

  async #endOf(work: () => ReturnType<typeof carryOut>): Promise<Omit<TrialEnd, 'duration_ms'>> {
    try {
      const report = await work()
      if (report.outcome === 'completed' && report.guest_check !== 'failed' && report.ram_equal !== false) {
        return { state: 'completed', error: null }
      }
      if (this.#broken && report.outcome === 'cancelled') return { state: 'interrupted', error: null }
      const error = report.error ?? checkError(report.ram_equal)
      return { state: 'failed', error }
    } catch (thrown) {
      const { code, message } = FerryError.from(thrown)
      const broken = BROKEN_OFF.has(code) || this.#broken
      return { state: broken ? 'interrupted' : 'failed', error: { code, message } }
    }
  }

  /** Who looks at all runs shall not take a warm-up for a measurement. */
  #markWarmUp(runId: string): void {
    try {
      this.#work.lab.store.setNote(runId, `Warm-up of the experiment "${this.#work.plan.name}"`)
    } catch (thrown) {
      this.#work.lab.note(FerryError.from(thrown).message)
    }
  }
}

function checkError(ramEqual: boolean | null): { code: string; message: string } {
  return ramEqual === false
    ? { code: 'run.ram-different', message: 'The RAM of both sides differed after the migration.' }
    : { code: 'run.guest-check', message: 'The guest did not pass its own check after the migration.' }
}
