/**
 * The lab service: the contract's methods on a lab. Whatever carries the calls — a function call, a message port, a
 * socket — ends here, and here inputs are checked.
 */
import * as v from 'valibot'
import type { GUIDE_METHODS } from '../contract/guide.ts'
import type { MERGING_METHODS } from '../contract/merging.ts'
import type { DOWNLOAD_METHODS } from '../contract/downloads.ts'
import type { UPLOAD_METHODS } from '../contract/uploads.ts'
import { type LabEvents, METHODS, type MethodInput, type MethodName, type MethodOutput } from '../contract/lab.ts'
import { FerryError } from '../util/errors.ts'
import { Lab, type LabOptions } from './lab.ts'
import { LINK_PRESETS } from '../migration/link.ts'
import { POOL } from '../migration/policy/pool.ts'
import { choiceOf, predictionTable } from './choice.ts'
import { measureDirtyRate } from './dirty-rate.ts'
import { downloadHandlers, Downloads } from './downloads.ts'
import { Experiments } from './experiments/experiments.ts'
import { experimentHandlers } from './experiments/handlers.ts'
import { exportRuns } from './export/runs.ts'
import { exportGuest } from './guest-files/export.ts'
import { importGuest } from './guest-files/import.ts'
import type { Handlers } from './handlers.ts'
import { Guide } from './guide/guide.ts'
import { guideHandlers } from './guide/handlers.ts'
import { HYPERVISORS, kindViews } from './kinds.ts'
import { pagesOf } from './guest-pages.ts'
import { memoryOf, screenView, stateOf } from './inspect.ts'
import { mergingHandlers } from './merging/handlers.ts'
import { recordingsBeside } from './places.ts'
import { recordingHandlers } from './recordings/handlers.ts'
import { recordedLab } from './recordings/recorded-lab.ts'
import { Recordings } from './recordings/recordings.ts'
import { Runs } from './runs.ts'
import { toolstackHandlers } from './toolstack/handlers.ts'
import { uploadHandlers, Uploads } from './uploads.ts'

export class LabService {
  readonly lab: Lab
  readonly runs: Runs
  readonly experiments: Experiments
  readonly recordings: Recordings
  readonly guide: Guide
  readonly #uploads = new Uploads()
  readonly #downloads = new Downloads()
  readonly #handlers: Handlers

  constructor(options: LabOptions) {
    this.lab = new Lab(options)
    this.runs = new Runs(this.lab)
    this.experiments = new Experiments(this.lab, this.runs, options.machine)
    const recorded = recordedLab(this.lab, this.runs, (method, input) => this.call(method, input))
    this.recordings = new Recordings(recorded, options.recordings ?? recordingsBeside(options.store))
    // Methods that this lab may not have: `call` refuses those by name.
    const ask = (method: string, input: unknown): Promise<unknown> =>
      this.call(method as MethodName, input as MethodInput<MethodName>)
    this.guide = new Guide(this.lab, options.store, ask)
    this.#handlers = {
      ...handlers(this.lab, this.runs, this.experiments, this.recordings),
      'guests.export': ({ guest, ...where }) =>
        this.lab.hold(guest, 'exported', (held) => exportGuest(held, this.#downloads, where)),
      'guests.import': (input) => importGuest(this.lab, this.#uploads, input),
      ...uploadHandlers(this.#uploads),
      ...downloadHandlers(this.#downloads),
      ...mergingHandlers(this.lab, this.runs, this.#uploads),
      ...guideHandlers(this.guide),
    }
  }

  /** @throws FerryError `lab.method`, `lab.input` naming the field, or what the method throws */
  async call<M extends MethodName>(method: M, input: MethodInput<M>): Promise<MethodOutput<M>> {
    if (!Object.hasOwn(METHODS, method)) {
      throw new FerryError('lab.method', `The lab has no method ${method}. Is it of another version?`, { method })
    }
    const parsed = v.safeParse(METHODS[method].input, input)
    if (!parsed.success) {
      const issue = parsed.issues[0]
      const where = v.getDotPath(issue) ?? 'its input'
      throw new FerryError('lab.input', `${method}: ${where}: ${issue.message}.`, { method, field: where })
    }
    // The schema of this method was just applied; TypeScript cannot follow that through the union of methods.
    const handler = this.#handlers[method] as (input: unknown) => MethodOutput<M> | Promise<MethodOutput<M>>
    const ended = this.recordings.acting(method, parsed.output)
    try {
      const result = await handler(parsed.output)
      ended(null)
      this.guide.observe(method, parsed.output, result)
      return result
    } catch (thrown) {
      ended(FerryError.from(thrown).code)
      throw thrown
    }
  }

  on<E extends keyof LabEvents>(event: E, listener: (payload: LabEvents[E]) => void): () => void {
    return this.lab.events.on(event, listener)
  }

  /** Cancels migrations under way, whose reports are stored, ends the recording, and ends everything. Idempotent. */
  async close(): Promise<void> {
    await this.experiments.close()
    this.#uploads.close()
    this.#downloads.close()
    this.guide.close()
    await this.runs.close()
    await this.recordings.close()
    await this.lab.close()
  }
}

/** Methods whose handlers need more than the lab's parts. */
type Elsewhere =
  | keyof (typeof GUIDE_METHODS & typeof MERGING_METHODS & typeof UPLOAD_METHODS & typeof DOWNLOAD_METHODS)
  | 'guests.export'
  | 'guests.import'

function handlers(lab: Lab, runs: Runs, experiments: Experiments, recordings: Recordings): Omit<Handlers, Elsewhere> {
  return {
    ...toolstackHandlers(lab, runs),
    'hosts.list': () => [...lab.hosts.values()].map((host) => host.view),
    'hosts.kinds': () => kindViews(),
    'hosts.add': (input) => lab.addHost(input),
    'hosts.remove': ({ name }) => lab.removeHost(name).then(() => undefined),
    'images.list': () => lab.images(),
    'guests.list': () => [...lab.guests.values()].map((guest) => guest.view),
    'guests.create': (input) => lab.createGuest(input),
    'guests.pause': ({ guest }) => lab.pauseGuest(guest),
    'guests.resume': ({ guest }) => lab.resumeGuest(guest),
    'guests.destroy': ({ guest }) => lab.destroyGuest(guest).then(() => undefined),
    'guests.workload': async ({ guest, workload }) => {
      await lab.guest(guest).setWorkload(workload)
      return lab.guest(guest).view
    },
    'guests.check': ({ guest }) => lab.guest(guest).check(),
    'guests.dirtyRate': ({ guest, duration_ms }) => measureDirtyRate(lab, guest, duration_ms),
    'guests.write': ({ guest, data }) => {
      lab.guest(guest).console.write(data)
      return undefined
    },
    'guests.console': ({ guest }) => {
      const { text, position } = lab.guest(guest).console
      return { text, position }
    },
    'guests.screen': async ({ guest }) => screenView(await lab.guest(guest).residence.machine.screen()),
    'guests.keys': ({ guest, scan_codes }) => {
      lab.guest(guest).residence.machine.keyWrite(Uint8Array.from(scan_codes))
      return undefined
    },
    'guests.memory': ({ guest, rows, frames }) => memoryOf(lab.guest(guest).residence.machine.view, rows, frames),
    'guests.pages': ({ guest }) => pagesOf(lab.guest(guest), runs.of(lab.guest(guest))),
    'guests.state': async ({ guest, as }) => {
      const { kind, machine } = lab.guest(guest).residence
      return stateOf(HYPERVISORS[kind], HYPERVISORS[as], await machine.capture())
    },
    'algorithms.list': () => Object.values(POOL).map(({ name, title, summary }) => ({ name, title, summary })),
    'links.list': () => Object.values(LINK_PRESETS),
    'migrations.check': (input) => runs.check(input),
    'migrations.active': () => runs.all.map((run) => run.view),
    'migrations.predict': ({ measure_ms, ...input }) => predictionTable(lab, input, measure_ms),
    'migrations.start': async (input) => {
      const choice = await choiceOf(lab, input)
      const predictions = choice === null ? null : { table: choice.table, chosen: choice.algorithm }
      return { run_id: runs.start(input, choice).id, predictions }
    },
    'migrations.wait': ({ run_id }) => runs.finished(run_id),
    'migrations.cancel': ({ run_id }) => ({ cancelled: runs.active(run_id).cancel() }),
    'migrations.setLink': ({ run_id, link }) => {
      runs.active(run_id).setLink(link)
      return undefined
    },
    'migrations.setTargets': ({ run_id, ...changes }) => {
      const targets = runs.active(run_id).setTargets(changes)
      lab.events.emit('migrations.targets', { run_id, targets })
      return targets
    },
    'runs.list': (filter) => lab.store.reports(filter),
    'runs.get': ({ run_id }) => runs.stored(run_id).report,
    'runs.details': ({ run_id }) => runs.stored(run_id),
    'runs.messages': ({ run_id, from }) => runs.messages(run_id, from),
    'runs.message': ({ run_id, index }) => runs.message(run_id, index),
    'runs.note': ({ run_id, text }) => {
      lab.store.setNote(run_id, text)
      lab.events.emit('runs.noted', { run_id, note: text === '' ? null : text })
      return undefined
    },
    'runs.remove': ({ run_id }) => {
      lab.store.remove(run_id)
      return undefined
    },
    'runs.restore': ({ run_id }) => {
      lab.store.restore(run_id)
      return undefined
    },
    'runs.export': ({ what, filter }) => exportRuns(lab.store, what, filter),
    ...experimentHandlers(lab, experiments),
    ...recordingHandlers(recordings),
  }
}
