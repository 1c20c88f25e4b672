/** Experiments in the measurement store: their plans, their trials, and on which machine each was made. */
import type { Database } from 'better-sqlite3'
import * as v from 'valibot'
import { FerryError } from '../../util/errors.ts'
import { guarded } from './database.ts'
import {
  experimentRecord,
  machineRecord,
  trialRecord,
  type ExperimentRecord,
  type MachineRecord,
  type TrialCounts,
  type TrialEnd,
  type TrialKey,
  type TrialRecord,
} from './experiment-records.ts'

const COLUMNS = {
  machines: Object.keys(machineRecord.entries),
  experiments: Object.keys(experimentRecord.entries),
  trials: Object.keys(trialRecord.entries),
} as const

/** A process whose sign of life is older than this has ended, whatever has its number now. */
export const OWNER_SILENT_MS = 30_000

type NewTrial = Omit<TrialRecord, 'state' | 'run_id' | 'error_code' | 'error_message' | 'duration_ms'>

export class ExperimentStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** @throws FerryError `store.*` */
  add(experiment: ExperimentRecord, machine: MachineRecord): void {
    this.#write(() => {
      this.#keepMachine(machine)
      this.#insert('experiments', experiment)
    })
  }

  /** Newest first. */
  list(): ExperimentRecord[] {
    const sql = `SELECT ${COLUMNS.experiments.join(', ')} FROM experiments ORDER BY created_at DESC, experiment_id`
    return this.#read(sql, experimentRecord)
  }

  /** @throws FerryError `experiment.unknown` */
  get(id: string): ExperimentRecord {
    const sql = `SELECT ${COLUMNS.experiments.join(', ')} FROM experiments WHERE experiment_id = ?`
    const [found] = this.#read(sql, experimentRecord, id)
    if (found !== undefined) return found
    throw new FerryError('experiment.unknown', `There is no experiment ${id}.`, { experiment_id: id })
  }

  /** All attempts, in the order of the plan. */
  trials(id: string): TrialRecord[] {
    const sql = `SELECT ${COLUMNS.trials.join(', ')} FROM trials WHERE experiment_id = ? ORDER BY trial, attempt`
    return this.#read(sql, trialRecord, id)
  }

  /** Without reading every trial: it is asked for while guests are measured. */
  counts(id: string): TrialCounts {
    const sql = 'SELECT state, count(*) AS n FROM trials WHERE experiment_id = ? GROUP BY state'
    const found = this.#read(sql, v.object({ state: v.string(), n: v.number() }), id)
    const of = (state: string): number => found.find((row) => row.state === state)?.n ?? 0
    const [last] = this.#read(
      `SELECT error_message FROM trials WHERE experiment_id = ? AND state = 'failed' AND error_message IS NOT NULL
       ORDER BY trial DESC, attempt DESC LIMIT 1`,
      v.object({ error_message: v.string() }),
      id,
    )
    return {
      completed: of('completed'),
      failed: of('failed'),
      interrupted: of('interrupted'),
      failure: last?.error_message ?? null,
    }
  }

  machines(): MachineRecord[] {
    return this.#read(`SELECT ${COLUMNS.machines.join(', ')} FROM machines ORDER BY machine_id`, machineRecord)
  }

  /** Ids of experiments, by those of their runs. */
  experimentOf(runId: string): string | null {
    const sql = 'SELECT experiment_id FROM trials WHERE run_id = ?'
    const [found] = this.#read(sql, v.object({ experiment_id: v.string() }), runId)
    return found?.experiment_id ?? null
  }

  /**
   * Takes an experiment over for `owner`, unless another process carries it out at this moment.
   * @param alive whether the process of an owner is there
   * @throws FerryError `experiment.elsewhere`, `experiment.unknown`
   */
  claim(id: string, owner: string, nowUnixMs: number, alive: (owner: string) => boolean): void {
    this.#write(() => {
      const found = this.get(id)
      if (found.owner !== owner && isHeld(found, nowUnixMs, alive)) {
        const message = `The experiment "${found.name}" is carried out by another Ferry at this moment. Pause it there first.`
        throw new FerryError('experiment.elsewhere', message, { experiment_id: id, owner: found.owner })
      }
      this.#run(
        "UPDATE experiments SET owner = ?, owner_seen_ms = ?, state = 'running' WHERE experiment_id = ?",
        owner,
        nowUnixMs,
        id,
      )
    })
  }

  /** A sign of life. */
  seen(id: string, owner: string, nowUnixMs: number): void {
    this.#write(() => {
      this.#run('UPDATE experiments SET owner_seen_ms = ? WHERE experiment_id = ? AND owner = ?', nowUnixMs, id, owner)
    })
  }

  /** Nobody carries it out any more. */
  release(id: string, state: ExperimentRecord['state']): void {
    this.#write(() => {
      this.#run(
        'UPDATE experiments SET state = ?, owner = NULL, owner_seen_ms = NULL WHERE experiment_id = ?',
        state,
        id,
      )
    })
  }

  begin(trial: NewTrial, machine: MachineRecord): void {
    this.#write(() => {
      this.#keepMachine(machine)
      this.#insert('trials', {
        ...trial,
        warm_up: trial.warm_up ? 1 : 0,
        state: 'running',
        run_id: null,
        error_code: null,
        error_message: null,
        duration_ms: null,
      })
    })
  }

  /** The attempt's migration has begun, as this run. */
  runOf({ experiment_id, trial, attempt }: TrialKey, runId: string): void {
    this.#write(() => {
      const where = 'experiment_id = ? AND trial = ? AND attempt = ?'
      this.#run(`UPDATE trials SET run_id = ? WHERE ${where}`, runId, experiment_id, trial, attempt)
    })
  }

  end({ experiment_id, trial, attempt }: TrialKey, { state, error, duration_ms }: TrialEnd): void {
    this.#write(() => {
      this.#run(
        `UPDATE trials SET state = ?, error_code = ?, error_message = ?, duration_ms = ?
         WHERE experiment_id = ? AND trial = ? AND attempt = ?`,
        state,
        error?.code ?? null,
        error?.message ?? null,
        duration_ms,
        experiment_id,
        trial,
        attempt,
      )
    })
  }

  /** Forgets an experiment; its runs stay. */
  remove(id: string): void {
    this.#write(() => {
      this.get(id)
      this.#run('DELETE FROM experiments WHERE experiment_id = ?', id)
    })
  }

  #keepMachine(machine: MachineRecord): void {
    const { machine_id, cpu_model, cores, memory_B, platform } = machine
    this.#run(
      'INSERT OR IGNORE INTO machines (machine_id, cpu_model, cores, memory_B, platform) VALUES (?, ?, ?, ?, ?)',
      machine_id,
      cpu_model,
      cores,
      memory_B,
      platform,
    )
  }

  #insert(table: keyof typeof COLUMNS, row: Readonly<Record<string, string | number | null>>): void {
    const names = COLUMNS[table]
    const places = names.map(() => '?').join(', ')
    this.#run(
      `INSERT INTO ${table} (${names.join(', ')}) VALUES (${places})`,
      ...names.map((name) => row[name] ?? null),
    )
  }

  #run(sql: string, ...values: (string | number | null)[]): void {
    this.#database.prepare(sql).run(...values)
  }

  #write(work: () => void): void {
    this.#checkOpen()
    guarded(() => this.#database.transaction(work).immediate())
  }

  #read<S extends v.GenericSchema>(sql: string, schema: S, ...values: string[]): v.InferOutput<S>[] {
    this.#checkOpen()
    const rows = guarded(() => this.#database.prepare(sql).all(...values))
    const result = v.safeParse(v.array(schema), rows)
    if (result.success) return result.output
    const [issue] = result.issues
    const why = `${v.getDotPath(issue) ?? 'a row'}: ${issue.message}`
    throw new FerryError('store.damaged', `An experiment is damaged in the store: ${why}.`, { why })
  }

  #checkOpen(): void {
    if (!this.#database.open) throw new FerryError('store.closed', 'The measurements are closed.')
  }
}

/** Whether a living process carries it out. */
export function isHeld(
  { owner, owner_seen_ms }: Pick<ExperimentRecord, 'owner' | 'owner_seen_ms'>,
  nowUnixMs: number,
  alive: (owner: string) => boolean,
): boolean {
  return owner !== null && owner_seen_ms !== null && nowUnixMs - owner_seen_ms < OWNER_SILENT_MS && alive(owner)
}
