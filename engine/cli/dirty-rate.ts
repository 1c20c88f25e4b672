/** `ferry calc-dirty-rate`: how fast a guest changes its memory, one that is started for it or one of a running lab. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { DirtyRateView } from '../contract/prediction.ts'
import { EXIT } from './errors.ts'
import { withGuest } from './guests.ts'
import { Interrupts } from './interrupts.ts'
import { addHostedGuestOptions, type GuestOptions, jsonOption } from './options.ts'
import { print, printJson, say } from './output.ts'
import { dirtyRateText } from './prediction-view.ts'
import { openLab, planGuest } from './session.ts'

const DEFAULT_WORKLOAD = 'dirty:2000'

interface Options extends GuestOptions {
  readonly seconds: number
  readonly json?: true
}

const HELP = `
With an ID, a guest of a running lab is measured (\`ferry guests\` lists them); it goes on as it was. Without, a guest is
started, measured while its workload runs, and destroyed. A guest that is being migrated is not measured.
The dirtying rate counts a page once for each tenth of the time in which it was changed; the table says how many distinct
pages change within a window: the working set.

Exit codes: 0 measured, 1 failed (also: no such guest, or it is being migrated), 2 wrong usage, 130 interrupted.

Examples:
  ferry calc-dirty-rate --guest labos --workload dirty:5000,8
  ferry calc-dirty-rate --guest linux --workload compile --seconds 5 --json
  ferry calc-dirty-rate labos-1`

export function dirtyRateCommand(program: Command, done: (code: number) => void): void {
  const command = program
    .command('calc-dirty-rate [id]')
    .description('measure how fast a guest changes its memory, and its working set')
  addHostedGuestOptions(command)
    .addOption(new Option('--workload <load>', `what the guest does meanwhile (default: ${DEFAULT_WORKLOAD})`))
    .addOption(new Option('--seconds <s>', 'how long to measure, 0.1 to 5').default(1).argParser(seconds))
    .addOption(jsonOption('the measurement'))
    .addHelpText('after', HELP)
    .action(async (id: string | undefined, options: Options) => {
      const duration_ms = Math.round(options.seconds * 1000)
      const rate =
        id === undefined
          ? await ofNewGuest(options, duration_ms)
          : await withGuest(id, ({ lab, guest }) => lab.call('guests.dirtyRate', { guest: guest.id, duration_ms }))
      if (options.json === true) printJson(rate)
      else print(dirtyRateText(rate))
      done(EXIT.ok)
    })
}

async function ofNewGuest(options: Options, duration_ms: number): Promise<DirtyRateView> {
  const interrupts = new Interrupts()
  const service = await openLab(':memory:', 1, say)
  try {
    const plan = await interrupts.orInterrupted(planGuest(options, options.workload ?? DEFAULT_WORKLOAD, say))
    await service.call('hosts.add', { name: options.from, kind: options.from, port: 0 })
    const guest = await interrupts.orInterrupted(service.call('guests.create', { ...plan, host: options.from }))
    return await interrupts.orInterrupted(service.call('guests.dirtyRate', { guest: guest.id, duration_ms }))
  } finally {
    await service.close()
    interrupts.close()
  }
}

function seconds(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN
  if (!(value >= 0.1 && value <= 5)) throw new InvalidArgumentError('Seconds from 0.1 to 5 are needed.')
  return value
}
