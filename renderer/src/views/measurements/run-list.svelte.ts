/** All stored runs, kept up to date: loaded page by page, added as they finish, removed and brought back. */
import type { ListedRun } from '../../../../engine/contract/lab.ts'
import type { LabApi } from '../../api/api.ts'

const PAGE = 1000

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export class RunList {
  runs = $state.raw<readonly ListedRun[]>([])
  loading = $state(true)
  problem = $state('')
  /** The run removed last, until the user has let the chance to undo pass. */
  removed = $state.raw<ListedRun | null>(null)
  readonly #api: LabApi

  constructor(api: LabApi) {
    this.#api = api
  }

  /** Loads, and follows what happens. Returns what ends that. */
  follow(): () => void {
    const ends = [
      this.#api.on('runs.added', (run) => this.#add([{ ...run, note: null }])),
      this.#api.on('runs.merged', () => void this.load()),
      this.#api.on('runs.noted', ({ run_id, note }) => {
        this.runs = this.runs.map((run) => (run.run_id === run_id ? { ...run, note } : run))
      }),
      // What happened while the connection was away is not told again.
      this.#api.onState((state) => {
        if (state === 'open') void this.load()
      }),
    ]
    void this.load()
    return () => ends.forEach((end) => end())
  }

  async load(): Promise<void> {
    this.loading = true
    try {
      const found: ListedRun[] = []
      for (let more = true; more;) {
        const page = await this.#api.call('runs.list', { limit: PAGE, offset: found.length })
        found.push(...page)
        more = page.length === PAGE
        if (more) this.#add(page)
      }
      this.runs = []
      this.#add(found)
      this.problem = ''
    } catch (error) {
      this.problem = `The measurements could not be read: ${messageOf(error)}`
    } finally {
      this.loading = false
    }
  }

  async remove(run: ListedRun): Promise<void> {
    try {
      await this.#api.call('runs.remove', { run_id: run.run_id })
      this.runs = this.runs.filter(({ run_id }) => run_id !== run.run_id)
      this.removed = run
      this.problem = ''
    } catch (error) {
      this.problem = `The run was not deleted: ${messageOf(error)}`
    }
  }

  /** Brings back the run removed last. */
  async undo(): Promise<void> {
    const run = this.removed
    if (run === null) return
    try {
      await this.#api.call('runs.restore', { run_id: run.run_id })
      this.#add([run])
      this.removed = null
      this.problem = ''
    } catch (error) {
      this.problem = `The run was not brought back: ${messageOf(error)}`
    }
  }

  /** Newest first, each once. */
  #add(runs: readonly ListedRun[]): void {
    const all = new Map([...this.runs, ...runs].map((run) => [run.run_id, run]))
    this.runs = [...all.values()].sort((a, b) => Date.parse(b.started_at) - Date.parse(a.started_at))
  }
}
