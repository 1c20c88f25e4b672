/** The app as its user has it over days: used, ended, killed, started again, on the same data. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { PROJECT } from '../../build/compile.ts'
import { listEntries } from '../../engine/lab/control-address.ts'
import { builtPage } from '../../engine/serve/built-page.ts'
import { App, newFolder, type Setting } from '../electron/app.ts'
import type { Theme } from './driver.ts'
import { LabPage, WAIT } from './lab-page.ts'

export class Desk {
  readonly name = 'electron'
  /** Data, window state, and what was saved. */
  readonly folder: string
  readonly #setting: Setting
  readonly #renderer: string
  #running!: { readonly app: App; readonly lab: LabPage }

  private constructor(setting: Setting, renderer: string) {
    this.folder = newFolder()
    this.#setting = setting
    this.#renderer = renderer
  }

  static async open(setting: Setting): Promise<Desk> {
    const desk = new Desk(setting, await builtPage(PROJECT, { build: true, note: () => {} }))
    await desk.start()
    return desk
  }

  get lab(): LabPage {
    return this.#running.lab
  }

  get page(): Page {
    return this.#running.app.page
  }

  /** Starts it, by what it left when it ended. */
  async start(): Promise<void> {
    const app = await App.start(this.#setting, { renderer: this.#renderer, folder: this.folder })
    this.#running = { app, lab: new LabPage(app.page) }
    await this.setTheme('light')
    await app.page.getByText('Connected').waitFor(WAIT)
  }

  /** As its user ends it. */
  quit(): Promise<void> {
    return this.#running.app.close(true)
  }

  /** Window and lab service at once, as when the power goes. */
  async kill(): Promise<void> {
    const { electron } = this.#running.app
    const services = await listEntries(join(this.folder, 'ferry'))
    if (services.length !== 1) throw new Error(`${services.length} lab services listen.`)
    const gone = electron.waitForEvent('close')
    const pids = [electron.process().pid, ...services.map(({ pid }) => pid)].filter((pid) => pid !== undefined)
    // Else the one that is left for a moment, on a busy computer a long one, notices and puts things in order.
    for (const signal of ['SIGSTOP', 'SIGKILL']) for (const pid of pids.toReversed()) process.kill(pid, signal)
    await gone
  }

  /** What the system says, not the window's own switch. */
  async setTheme(theme: Theme): Promise<void> {
    await this.#running.app.electron.evaluate(
      ({ nativeTheme }, source) => void (nativeTheme.themeSource = source),
      theme,
    )
  }

  /** Does what saves files. @returns so many by their names, in the order of these */
  async saves(count: number, act: () => Promise<void>): Promise<[name: string, content: Buffer][]> {
    const folder = mkdtempSync(join(this.folder, 'saved-'))
    // The dialog belongs to the system; this is the user who takes what it proposes, in a folder of theirs.
    await this.#running.app.electron.evaluate(({ dialog }, into) => {
      dialog.showSaveDialog = ((_window: unknown, { defaultPath }: { defaultPath: string }) => {
        const name = defaultPath.split(/[\\/]/).at(-1) ?? ''
        return Promise.resolve({ canceled: false, filePath: `${into}/${name}` })
      }) as unknown as typeof dialog.showSaveDialog
    }, folder)
    await act()
    for (const deadline = performance.now() + WAIT.timeout; ; await new Promise((done) => setTimeout(done, 50))) {
      // A file that is being written has another name.
      const names = readdirSync(folder).filter((name) => !name.endsWith('.partial'))
      if (names.length >= count) {
        return names.sort().map((name) => [name, readFileSync(join(folder, name))])
      }
      if (performance.now() > deadline) throw new Error(`${names.length} of ${count} files were saved.`)
    }
  }

  /** Does what prints. @returns what the printer gets, as PDF: made by the app's own web contents, as its page is then */
  async prints(act: () => Promise<void>): Promise<Buffer> {
    // The system's dialog, which would wait for a user; the page is laid out for paper by now.
    await this.page.evaluate('window.print = () => { window.asked = (window.asked ?? 0) + 1 }')
    await act()
    await this.#running.app.until('window.asked > 0')
    const pdf = await this.#running.app.electron.evaluate(async ({ BrowserWindow }) =>
      (await BrowserWindow.getAllWindows()[0].webContents.printToPDF({})).toString('base64'),
    )
    return Buffer.from(pdf, 'base64')
  }

  async close(): Promise<void> {
    await this.#running.app.close()
    this.#setting.display.close()
  }
}
