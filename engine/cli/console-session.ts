/** One guest at a terminal: input to its console, output to the screen, chords to the lab. */
import type { GuestView } from '../contract/lab.ts'
import type { RunReport } from '../contract/report.ts'
import type { LabService } from '../lab/service.ts'
import { sleep } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import { Chords } from './chords.ts'
import type { Terminal } from './console-terminal.ts'
import { describeError } from './errors.ts'
import { memory, ms, plural, traffic } from './format.ts'
import type { MoveOptions } from './options.ts'
import { whereIsGuest } from './report-view.ts'
import { KEYS } from './chords.ts'
import { migrateInput } from './session.ts'
import { printable } from './table.ts'

export type Ended = 'quit' | 'crashed' | 'interrupted'

/** What is typed faster than the guest reads waits so long before it is offered again. */
const FULL_RETRY_MS = 20
/** After the end of a script the guest may still have something to say. */
const LAST_WORDS_QUIET_MS = 700
const LAST_WORDS_MAX_MS = 10_000

export class ConsoleSession {
  readonly #service: LabService
  readonly #guest: GuestView
  readonly #hosts: readonly [string, string]
  readonly #options: MoveOptions
  readonly #terminal: Terminal
  readonly #ended = Promise.withResolvers<Ended>()
  /** The migration under way: resolves when it has been told of. */
  #migration: { readonly runId: string; readonly told: Promise<void> } | null = null
  #moves = 0
  #over = false
  #lastOutputMs = 0

  constructor(
    service: LabService,
    guest: GuestView,
    hosts: readonly [string, string],
    options: MoveOptions,
    terminal: Terminal,
  ) {
    this.#service = service
    this.#guest = guest
    this.#hosts = hosts
    this.#options = options
    this.#terminal = terminal
  }

  get #console() {
    return this.#service.lab.guest(this.#guest.id).console
  }

  /** Resolves when the user quits, the input ends, or the guest does. */
  async run(): Promise<Ended> {
    const { name, started, start_ms } = this.#guest
    this.#say(`${name} runs on ${this.#guest.host} (${started}, ${ms(start_ms)}). Ctrl-] h: keys; Ctrl-] q: quit.`)
    const offs = this.#subscribe()
    void this.#readInput()
    const ended = await this.#ended.promise
    for (const off of offs) off()
    const under = this.#migration
    if (under !== null) {
      await this.#service.call('migrations.cancel', { run_id: under.runId }).catch(() => undefined)
      await under.told
    }
    return ended
  }

  quit(why: Ended): void {
    this.#over = true
    this.#ended.resolve(why)
  }

  #subscribe(): (() => void)[] {
    const mine = (id: string): boolean => id === this.#guest.id
    this.#terminal.show(Buffer.from(this.#console.text, 'latin1'))
    return [
      this.#console.on('output', (bytes) => {
        this.#lastOutputMs = performance.now()
        this.#terminal.show(bytes)
      }),
      this.#service.on('guests.changed', ({ id, state }) => {
        if (mine(id) && state === 'paused') this.#say('The guest is paused. Ctrl-] r: resume.')
        if (mine(id) && state === 'crashed') {
          this.#say('The machine of the guest ended unexpectedly.')
          this.quit('crashed')
        }
      }),
      this.#service.on('guests.removed', ({ guest }) => {
        if (!mine(guest)) return
        this.#say('The guest was destroyed.')
        this.quit('quit')
      }),
      // Also migrations that another program started.
      this.#service.on('runs.added', (report) => this.#tellRun(report)),
    ]
  }

  async #readInput(): Promise<void> {
    const chords = new Chords()
    try {
      for await (const chunk of this.#terminal.input) {
        for (const typed of chords.read(chunk)) {
          if (typed.kind === 'input') await this.#type(typed.bytes)
          else await this.#command(typed.key).catch((thrown: unknown) => this.#say(errorText(thrown)))
        }
      }
      await this.#lastWords()
    } catch (thrown) {
      // When the session ends, its input is closed under this loop.
      if (!this.#over) this.#say(errorText(thrown))
    }
    this.quit('quit')
  }

  async #type(bytes: Uint8Array): Promise<void> {
    for (;;) {
      try {
        this.#console.write(Uint8Array.from(bytes))
        return
      } catch (thrown) {
        if (!(thrown instanceof FerryError) || thrown.code !== 'console.full') throw thrown
        await sleep(FULL_RETRY_MS)
      }
    }
  }

  async #lastWords(): Promise<void> {
    await this.#migration?.told
    const begun = performance.now()
    this.#lastOutputMs = begun
    for (;;) {
      await sleep(50)
      const now = performance.now()
      if (now - this.#lastOutputMs > LAST_WORDS_QUIET_MS || now - begun > LAST_WORDS_MAX_MS) return
    }
  }

  async #command(key: string): Promise<void> {
    const guest = this.#guest.id
    switch (key) {
      case 'm':
        return this.#move()
      case 'c':
        return this.#cancel()
      case 'w':
        return this.#migration?.told
      case 'p':
        await this.#service.call('guests.pause', { guest })
        return
      case 'r':
        await this.#service.call('guests.resume', { guest })
        return this.#say('The guest runs.')
      case 's':
        return this.#screen()
      case 'i':
        return this.#info()
      case 'q':
        return this.quit('quit')
      case 'h':
      case '?':
        return KEYS.split('\n').forEach((line) => this.#say(line))
      default:
        this.#say(`Ctrl-] ${printable(key)} means nothing. Ctrl-] h: keys.`)
    }
  }

  async #move(): Promise<void> {
    if (this.#migration !== null) return this.#say('A migration is under way already. Ctrl-] c: cancel it.')
    const { host } = this.#service.lab.guest(this.#guest.id).residence
    const to = host === this.#hosts[0] ? this.#hosts[1] : this.#hosts[0]
    // The guest's own check would be typed into the console that the user types into.
    const input = { ...migrateInput(this.#guest.id, to, this.#options, this.#moves++), check: false }
    const { run_id } = await this.#service.call('migrations.start', input)
    this.#say(`Moving from ${host} to ${to} …`)
    const told = this.#service
      .call('migrations.wait', { run_id })
      .then(() => undefined)
      .catch((thrown: unknown) => this.#say(errorText(thrown)))
      .finally(() => (this.#migration = null))
    this.#migration = { runId: run_id, told }
  }

  async #cancel(): Promise<void> {
    if (this.#migration === null) return this.#say('No migration is under way.')
    const { cancelled } = await this.#service.call('migrations.cancel', { run_id: this.#migration.runId })
    if (!cancelled) this.#say('Too late to cancel: the guest has crossed.')
  }

  #tellRun(run: RunReport): void {
    if (run.outcome !== 'completed') {
      const why = run.outcome === 'cancelled' ? 'Cancelled' : `It failed: ${printable(run.error?.message ?? '')}`
      return this.#say(`${why}${/[.]$/.test(why) ? '' : '.'} The guest is ${whereIsGuest(run)}.`)
    }
    const figures = [
      `downtime ${ms(run.downtime_ms ?? 0)}`,
      run.outage_ms === null ? 'outage not measured' : `outage ${ms(run.outage_ms)}`,
      `total ${ms(run.total_ms)}`,
      `${traffic(run.bytes_sent_B)} in ${plural(run.rounds.length, 'round')}`,
      ...(run.ram_equal === null ? [] : [run.ram_equal ? 'RAM equal' : 'RAM DIFFERENT']),
    ]
    this.#say(`The guest is on ${run.to} now (${run.algorithm}): ${figures.join(', ')}.`)
  }

  async #screen(): Promise<void> {
    const image = await this.#service.lab.guest(this.#guest.id).residence.machine.screen()
    if (image.kind === 'graphics') {
      return this.#say(
        `The screen shows graphics, ${image.width} × ${image.height} pixels; here only text can be shown.`,
      )
    }
    this.#say(`+${'-'.repeat(image.columns)}+`)
    for (const line of image.lines) this.#say(`|${printable(line).padEnd(image.columns)}|`)
    this.#say(`+${'-'.repeat(image.columns)}+`)
  }

  #info(): void {
    const { view, residence } = this.#service.lab.guest(this.#guest.id)
    const host = this.#service.lab.host(residence.host).view
    this.#say(`${view.name} (${view.id}): ${view.state} on ${host.name}, ${host.title}, ${host.address}:${host.port}`)
    this.#say(`RAM ${memory(view.ram_B)}, workload ${view.workload}, IP ${view.ip}, MAC ${view.mac}`)
  }

  #say(line: string): void {
    this.#terminal.say(line)
  }
}

const errorText = (thrown: unknown): string => describeError(thrown, false).replace(/^ferry: /, '')
