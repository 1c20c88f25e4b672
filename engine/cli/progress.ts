/** The way of a migration on stderr: a bar of the current round where stderr is a terminal, else lines now and then. */
import type { SingleBar } from 'cli-progress'
import type { LabEvents } from '../contract/lab.ts'
import { STAGE_NAMES } from '../contract/report.ts'
import { startBar } from './bar.ts'
import { bitRate, count, ms } from './format.ts'
import { say } from './output.ts'
import { printable } from './table.ts'

type Event = LabEvents['migrations.progress']

const STAGE_PRE_COPY = 2
const STAGE_STOP_AND_COPY = 3
const LINE_EVERY_MS = 1000

export interface ProgressView {
  update(event: Event): void
  /** A line about something else, which must not tear the bar. */
  note(line: string): void
  /** Ends the display of one migration. */
  end(): void
}

export function progressView(quiet: boolean): ProgressView {
  if (quiet) return { update() {}, note: say, end() {} }
  return process.stderr.isTTY ? new BarView() : new LineView()
}

const stageOf = (event: Event): string => `stage ${event.stage} ${STAGE_NAMES[event.stage] ?? ''}`

function figures(event: Event): string {
  const left = `${count(event.remaining_pages)} pages left`
  const rate = event.rate_Bps > 0 ? `, ${bitRate(event.rate_Bps)}` : ''
  const estimate = event.estimate_ms === null || event.remaining_pages === 0 ? '' : `, about ${ms(event.estimate_ms)}`
  return left + rate + estimate
}

/** Pages travel in these stages; in the others there is nothing to count. */
const counts = ({ stage, remaining_pages: left }: Event): boolean =>
  left > 0 && (stage === STAGE_PRE_COPY || stage === STAGE_STOP_AND_COPY)

class LineView implements ProgressView {
  #stage = -1
  #round = -1
  #lastMs = 0

  update(event: Event): void {
    for (const note of event.notes) say(`  ${printable(note)}`)
    const now = performance.now()
    const news = event.stage !== this.#stage || event.round !== this.#round
    if (!news && now - this.#lastMs < LINE_EVERY_MS) return
    this.#stage = event.stage
    this.#round = event.round
    this.#lastMs = now
    const round = event.stage === STAGE_PRE_COPY ? `, round ${event.round}` : ''
    say(`  ${stageOf(event)}${round}${counts(event) ? `: ${figures(event)}` : ''}`)
  }

  note(line: string): void {
    say(line)
  }

  end(): void {
    this.#stage = -1
    this.#round = -1
  }
}

class BarView implements ProgressView {
  #bar: SingleBar | null = null
  #round = -1
  #stage = -1
  #total = 1

  update(event: Event): void {
    this.#bar ??= start()
    if (event.round !== this.#round || event.stage !== this.#stage) {
      this.#round = event.round
      this.#stage = event.stage
      // A new round counts its own pages: the bar begins anew, and its label says which round it is.
      this.#total = Math.max(1, event.round === 0 ? event.pages_total : event.remaining_pages)
      this.#bar.setTotal(this.#total)
    }
    if (event.remaining_pages > this.#total) this.#bar.setTotal((this.#total = event.remaining_pages))
    const what = event.stage === STAGE_PRE_COPY ? `round ${event.round}` : stageOf(event)
    this.#bar.update(counts(event) ? this.#total - event.remaining_pages : this.#total, {
      what: what.padEnd(22),
      figures: counts(event) ? figures(event) : '',
    })
  }

  note(line: string): void {
    this.end()
    say(line)
  }

  end(): void {
    this.#bar?.stop()
    this.#bar = null
    this.#round = -1
    this.#stage = -1
  }
}

const start = (): SingleBar => startBar('  {what} [{bar}] {percentage} %  {figures}', { what: '', figures: '' })
