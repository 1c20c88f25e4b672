/** The experiments of the lab, newest first, kept up to date by its events. */
import type { ExperimentView, ReadyMadePlan } from '../../../../engine/contract/experiments.ts'
import type { LabApi } from '../../api/api.ts'
import { type Explained, explain } from '../../state/errors.ts'

/** Another process tells this lab nothing of its experiments, nor that it has ended: while there is one, it is looked at. */
const LOOK_ELSEWHERE_MS = 1500

export class ExperimentList {
  all = $state.raw<readonly ExperimentView[]>([])
  plans = $state.raw<readonly ReadyMadePlan[]>([])
  loaded = $state(false)
  error = $state.raw<Explained | null>(null)
  readonly #api: LabApi

  constructor(api: LabApi) {
    this.#api = api
  }

  /** Loads, and follows what happens. Returns what ends that. */
  follow(): () => void {
    const ends = [
      this.#api.on('experiments.changed', (view) => this.keep(view)),
      this.#api.on('runs.merged', () => void this.#load()),
      this.#api.on('experiments.removed', ({ experiment_id: id }) => {
        this.all = this.all.filter(({ experiment_id }) => experiment_id !== id)
      }),
      this.#api.onState((state) => {
        if (state === 'open') void this.#load()
      }),
    ]
    void this.#load()
    const timer = setInterval(() => {
      if (!document.hidden && this.all.some(({ state }) => state === 'elsewhere')) void this.#load()
    }, LOOK_ELSEWHERE_MS)
    return () => {
      clearInterval(timer)
      ends.forEach((end) => end())
    }
  }

  keep(view: ExperimentView): void {
    const others = this.all.filter(({ experiment_id }) => experiment_id !== view.experiment_id)
    this.all = [view, ...others].sort((a, b) => b.created_at.localeCompare(a.created_at))
  }

  /** Does something to an experiment; an error stands above the list until the next attempt. */
  async attempt(title: string, action: () => Promise<ExperimentView | undefined>): Promise<ExperimentView | null> {
    this.error = null
    try {
      const view = await action()
      if (view === undefined) return null
      this.keep(view)
      return view
    } catch (thrown) {
      this.error = explain(thrown, title)
      return null
    }
  }

  async #load(): Promise<void> {
    try {
      const [all, plans] = await Promise.all([
        this.#api.call('experiments.list', {}),
        this.#api.call('experiments.plans', {}),
      ])
      Object.assign(this, { all, plans, loaded: true })
    } catch (thrown) {
      this.error = explain(thrown, 'The experiments could not be read')
    }
  }
}
