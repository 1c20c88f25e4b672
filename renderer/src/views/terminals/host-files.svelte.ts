/** A host's files as its editor has them: which there are, the one that is open, and what is not saved of it. */
import type { FileText } from '../../../../engine/contract/toolstack.ts'
import { type LabApi, LabError } from '../../api/api.ts'
import { explain, type Explained } from '../../state/errors.ts'

/** What stands in the way of saving. */
export interface Problem extends Explained {
  /** From 1; null: of the file as a whole. */
  readonly line: number | null
  /** Somebody else has changed the file since it was opened. */
  readonly changed: boolean
}

export class HostFiles {
  readonly host: string
  list = $state.raw<readonly string[]>([])
  /** As it was read or saved last; null: none is open. Version 0: it is not there yet. */
  open = $state.raw<FileText | null>(null)
  /** As it is being written. */
  text = $state('')
  problem = $state.raw<Problem | null>(null)
  saving = $state(false)
  readonly #api: LabApi

  constructor(api: LabApi, host: string) {
    this.#api = api
    this.host = host
  }

  get dirty(): boolean {
    return this.open !== null && this.text !== this.open.text
  }

  async load(): Promise<void> {
    try {
      this.list = (await this.#api.call('files.list', { host: this.host })).map(({ path }) => path)
    } catch (thrown) {
      this.problem = problemOf(thrown, 'The files could not be listed')
    }
  }

  /** Opens a file, or begins one that is not there. What was not saved of the last one is gone. */
  async read(path: string): Promise<void> {
    try {
      this.#take(await this.#api.call('files.read', { host: this.host, path }))
    } catch (thrown) {
      if (thrown instanceof LabError && thrown.code === 'files.unknown') this.#take({ path, text: '', version: 0 })
      else this.problem = problemOf(thrown, 'The file could not be opened')
    }
    await this.load()
  }

  /** @param force over what somebody else has written meanwhile. @returns whether it is saved */
  async save(force = false): Promise<boolean> {
    const { open, text, host } = this
    if (open === null || this.saving) return false
    this.saving = true
    try {
      const { path, version } = open
      const kept = await this.#api.call('files.write', { host, path, text, ...(force ? {} : { version }) })
      // What was written since stays unsaved.
      if (this.open?.path === path) this.open = kept
      this.problem = null
      await this.load()
      return true
    } catch (thrown) {
      this.problem = problemOf(thrown, 'The file was not saved')
      return false
    } finally {
      this.saving = false
    }
  }

  close(): void {
    this.open = null
    this.text = ''
    this.problem = null
  }

  #take(file: FileText): void {
    this.open = file
    this.text = file.text
    this.problem = null
  }
}

function problemOf(thrown: unknown, title: string): Problem {
  const code = thrown instanceof LabError ? thrown.code : ''
  const line = thrown instanceof LabError ? thrown.data['line'] : undefined
  return {
    ...explain(thrown, title),
    line: typeof line === 'number' && Number.isInteger(line) && line > 0 ? line : null,
    changed: code === 'files.changed',
  }
}
