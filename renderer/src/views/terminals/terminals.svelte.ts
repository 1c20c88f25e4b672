/** The terminals that are open, and the files of their hosts: they stay while other views are looked at. */
import type { LabApi } from '../../api/api.ts'
import { HostFiles } from './host-files.svelte.ts'
import { TerminalSession } from './terminal-session.svelte.ts'

export interface TerminalTab {
  readonly id: string
  readonly title: string
  readonly host: string
  /** Null: the host's files. */
  readonly session: TerminalSession | null
}

/** What the lab's view does for a command. */
export interface TerminalActions {
  openConsole(guest: string): void
}

export class Terminals {
  readonly #api: LabApi
  tabs = $state.raw<readonly TerminalTab[]>([])
  /** Whether the pane is there. */
  shown = $state(false)
  #chosen = $state('')
  readonly #files = new Map<string, HostFiles>()
  readonly #histories = new Map<string, string[]>()
  actions: TerminalActions | null = null

  constructor(api: LabApi) {
    this.#api = api
  }

  /** The tab that is shown. */
  get current(): TerminalTab | null {
    return this.tabs.find(({ id }) => id === this.#chosen) ?? this.tabs[0] ?? null
  }

  choose(id: string): void {
    this.#chosen = id
  }

  /** Shows a terminal of the host: the one that is open, unless another one is wanted. */
  async open(host: string, another = false): Promise<void> {
    const there = another ? undefined : this.tabs.find((tab) => tab.host === host && tab.session !== null)
    if (there !== undefined) return this.#show(there)
    const history = await this.#history(host)
    const session: TerminalSession = new TerminalSession({
      api: this.#api,
      host,
      id: crypto.randomUUID(),
      history,
      onnext: (next) => {
        if (next.do === 'exit') this.close(session.id)
        else if (next.do === 'edit') void this.edit(host, next.path)
        else this.actions?.openConsole(next.guest)
      },
    })
    const number = this.tabs.filter((tab) => tab.host === host && tab.session !== null).length + 1
    const taken = (title: string) => this.tabs.some((tab) => tab.title === title)
    let title = number === 1 ? host : `${host} ${number}`
    for (let n = number; taken(title); n++) title = `${host} ${n}`
    this.#add({ id: session.id, title, host, session })
  }

  filesOf(host: string): HostFiles {
    const files = this.#files.get(host) ?? new HostFiles(this.#api, host)
    this.#files.set(host, files)
    return files
  }

  /** A file that the host's editor is asked for and has not opened, because of what is not saved in it. */
  asked = $state.raw<{ readonly files: HostFiles; readonly path: string } | null>(null)

  /** Shows the host's files, and opens one of them. */
  async edit(host: string, path?: string): Promise<void> {
    const files = this.filesOf(host)
    const id = `files-${host}`
    const there = this.tabs.find((tab) => tab.id === id)
    if (there === undefined) this.#add({ id, title: `Files of ${host}`, host, session: null })
    else this.#show(there)
    if (path === undefined || path === files.open?.path) return files.load()
    if (files.dirty) this.asked = { files, path }
    else await files.read(path)
  }

  /** A file with unsaved changes has to be closed first. */
  close(id: string): void {
    const at = this.tabs.findIndex((tab) => tab.id === id)
    const tab = this.tabs[at]
    if (tab === undefined) return
    if (tab.session === null) this.filesOf(tab.host).close()
    this.tabs = this.tabs.filter((other) => other !== tab)
    this.#chosen = (this.tabs[at] ?? this.tabs[at - 1])?.id ?? ''
    if (this.tabs.length === 0) this.shown = false
  }

  /** Hosts that are no longer there take their terminals and files with them. */
  keep(hosts: readonly string[]): void {
    for (const { id, host } of this.tabs) if (!hosts.includes(host)) this.close(id)
    for (const known of [...this.#files.keys(), ...this.#histories.keys()]) {
      if (hosts.includes(known)) continue
      this.#files.delete(known)
      this.#histories.delete(known)
    }
  }

  #add(tab: TerminalTab): void {
    this.tabs = [...this.tabs, tab]
    this.#show(tab)
  }

  #show({ id }: TerminalTab): void {
    this.#chosen = id
    this.shown = true
  }

  /** Of the host, shared by its terminals in this window. */
  async #history(host: string): Promise<string[]> {
    const known = this.#histories.get(host)
    if (known !== undefined) return known
    // Without a connection there is none; the terminal says so at its first line.
    const history = await this.#api.call('toolstack.history', { host }).catch(() => [])
    this.#histories.set(host, history)
    return history
  }
}
