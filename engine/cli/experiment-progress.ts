/** The way of an experiment on stderr: a bar of its trials where stderr is a terminal, else a line for each trial. */
import type { SingleBar } from 'cli-progress'
import type { ExperimentView } from '../contract/experiments.ts'
import { startBar } from './bar.ts'
import { duration } from './format.ts'
import { say } from './output.ts'
import { printable } from './table.ts'

const PHASE_WORDS = {
  guest: 'starting the guest',
  settle: 'settling',
  migration: 'migrating',
  end: 'ending the guest',
} as const

export class ExperimentProgress {
  #bar: SingleBar | null = null
  #told = ''

  update(view: ExperimentView): void {
    if (process.stderr.isTTY) this.#draw(view)
    else this.#tell(view)
  }

  /** A line about something else, which must not tear the bar. */
  note(line: string): void {
    this.end()
    say(line)
  }

  end(): void {
    this.#bar?.stop()
    this.#bar = null
  }

  #draw(view: ExperimentView): void {
    if (view.current === null) return
    this.#bar ??= start()
    this.#bar.setTotal(view.trials)
    this.#bar.update(view.ended, {
      what: `${titleOf(view)}: ${PHASE_WORDS[view.current.phase]}`,
      left: leftOf(view),
      failed: view.failed === 0 ? '' : `, ${view.failed} failed`,
    })
  }

  #tell(view: ExperimentView): void {
    if (view.current === null) return
    const { number } = view.current
    const failed = view.failed === 0 ? '' : `, ${view.failed} failed`
    const line = `trial ${number} of ${view.trials}: ${titleOf(view)}`
    if (this.#told === line) return
    this.#told = line
    say(`  ${line}${failed}; ${leftOf(view)}`)
  }
}

function titleOf({ current, conditions }: ExperimentView): string {
  if (current === null) return ''
  const kind = current.warm_up ? 'warm-up' : `repeat ${current.repeat}`
  return printable(`${conditions[current.condition] ?? ''} (${kind})`)
}

const leftOf = ({ eta_ms }: ExperimentView): string => (eta_ms === null ? '' : `about ${duration(eta_ms)} left`)

const start = (): SingleBar =>
  startBar('  [{bar}] {value}/{total}{failed}, {left}  {what}', { what: '', left: '', failed: '' })
