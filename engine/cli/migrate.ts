/** `ferry migrate`: hosts, a fresh guest for each repeat, a migration, its report. */
import { parse, join } from 'node:path'
import { type Command, Option } from 'commander'
import type { RunReport } from '../contract/report.ts'
import type { LabService } from '../lab/service.ts'
import { EXIT, describeError, exitCodeOf, interrupted } from './errors.ts'
import { Interrupts } from './interrupts.ts'
import {
  addGuestOptions,
  addMoveOptions,
  type GuestOptions,
  jsonOption,
  type MoveOptions,
  recordLabOption,
  storeOption,
  whole,
} from './options.ts'
import { print, printJson, say } from './output.ts'
import { predictionText } from './prediction-view.ts'
import { progressView, type ProgressView } from './progress.ts'
import { runText, succeeded, summaryText } from './report-view.ts'
import { addHosts, type GuestPlan, migrateInput, openLab, planGuest, recordLab } from './session.ts'

/** A lab has addresses for 240 guests over its life. */
const MAX_REPEATS = 200
const DEFAULT_WORKLOAD = 'dirty:2000'

interface MigrateOptions extends GuestOptions, MoveOptions {
  readonly repeat: number
  readonly check: boolean
  readonly record?: string
  readonly recordLab?: string
  readonly store?: string
  readonly json?: true
  readonly quiet?: true
  readonly debug?: true
}

const HELP = `
Creates the two hosts, starts a fresh guest for each repeat, migrates it while its workload runs, and destroys it.
Progress is on stderr, the result on stdout; every run is kept in the store (see \`ferry runs\`).
Two hosts of the same kind are named e.g. \`xen\` and \`xen-2\`.

Workloads: idle; dirty:RATE[,MB[,seq|random|hotcold]] writes RATE pages (4096 B) a second over a working set of MB;
disk:RATE on labos, disk, web and compile on linux. \`ferry images\` lists them.
Links: bandwidth in bit/s (k, M, G), latency and jitter in ms, e.g. 1G or 50M,10ms,2ms.
Figures: downtime = vCPU stopped on the source → first instruction on the target; outage = what a network client sees.

\`--algorithm auto\` measures the guest for a second, predicts downtime, total time, bytes and slow-down of every algorithm
that both hosts have, and takes the first that keeps the targets; where none does, nothing is moved. The predictions are
shown with their formulas, and afterwards beside what was measured (with any algorithm: \`--predict\`). Targets count
without \`auto\` too: --max-downtime is when pre-copy stops, --max-bandwidth slows the link.

Ctrl-C cancels the migration: the guest goes on where it was, and the run is reported as cancelled. Twice ends at once.

Exit codes:
  0    every run completed, and no check failed
  1    no algorithm keeps the targets, a run failed, or a RAM check or a guest's own check did (the reports are printed all the same)
  2    wrong usage
  130  cancelled by Ctrl-C

Examples:
  ferry migrate
  ferry migrate --guest labos --ram 32 --from kvm --to xen --workload dirty:5000,8 --verify-ram
  ferry migrate --guest linux --ram 128 --algorithm stop-and-copy --link 1G --repeat 10 --json > runs.json
  ferry migrate --algorithm auto --max-downtime 10ms --max-total 5s --max-bandwidth 500M --max-slowdown 30%
  ferry migrate --link 100M --workload dirty:20000 --throttle
  ferry migrate --from qemu --to qemu --algorithm native --link 1G
  ferry migrate --link 100M --workload dirty:5000,8,hotcold --delta --compress zstd
  ferry migrate --guest labos --record stream.ferry && ferry verify-stream stream.ferry`

export function migrateCommand(program: Command, done: (code: number) => void): void {
  const command = program.command('migrate').description('move a running guest between two hosts, and measure it')
  addGuestOptions(command).addOption(
    new Option('--workload <load>', `what the guest does meanwhile (default: ${DEFAULT_WORKLOAD})`),
  )
  addMoveOptions(command)
    .addOption(
      new Option('--repeat <n>', `so many runs, 1 to ${MAX_REPEATS}`).default(1).argParser(whole(1, MAX_REPEATS)),
    )
    .addOption(new Option('--no-check', "leave out the guest's own check of its memory afterwards"))
    .addOption(new Option('--record <file>', 'keep the byte stream (repeats: FILE-1, FILE-2, …)'))
    .addOption(recordLabOption())
    .addOption(storeOption())
    .addOption(jsonOption('an array of run reports'))
    .addOption(new Option('--quiet', 'no progress on stderr'))
    .addHelpText('after', HELP)
    .action(async (_: unknown, self: Command) => done(await migrate(self.optsWithGlobals<MigrateOptions>())))
}

async function migrate(options: MigrateOptions): Promise<number> {
  const interrupts = new Interrupts()
  const view = progressView(options.quiet === true)
  const reports: RunReport[] = []
  let failure: unknown = null
  let service: LabService | null = null
  try {
    const plan = await interrupts.orInterrupted(
      planGuest(options, options.workload ?? DEFAULT_WORKLOAD, (line) => view.note(line)),
    )
    service = await openLab(options.store, options.seed, (line) => view.note(line))
    await recordLab(service, options.recordLab, 'ferry migrate')
    service.on('migrations.progress', (event) => view.update(event))
    const hosts = await addHosts(service, options)
    for (let repeat = 0; repeat < options.repeat && !interrupts.happened; repeat++) {
      const report = await oneRun(service, plan, hosts, options, repeat, interrupts, view)
      reports.push(report)
      const title = options.repeat > 1 ? `run ${repeat + 1} of ${options.repeat}` : 'run'
      if (options.json !== true) print(`${runText(report, title)}\n\n`)
    }
  } catch (thrown) {
    // Nothing was begun that could be reported: as any other wrong usage.
    if (reports.length === 0 && exitCodeOf(thrown) === EXIT.usage) throw thrown
    failure = thrown
  } finally {
    view.end()
    await service?.close()
    interrupts.close()
  }
  if (options.json === true) printJson(reports)
  else if (reports.length > 1) print(summaryText(reports))
  if (failure !== null && !interrupts.happened) say(describeError(failure, options.debug === true))
  if (interrupts.happened) return EXIT.interrupted
  return failure === null && reports.every(succeeded) ? EXIT.ok : EXIT.failed
}

async function oneRun(
  service: LabService,
  plan: GuestPlan,
  hosts: { from: string; to: string },
  options: MigrateOptions,
  repeat: number,
  interrupts: Interrupts,
  view: ProgressView,
): Promise<RunReport> {
  const prefix = options.repeat > 1 ? `${repeat + 1}/${options.repeat} ` : ''
  const talks = options.quiet !== true
  if (talks) view.note(`${prefix}Starting ${plan.image} with ${plan.ram_MB} MB on ${hosts.from} …`)
  const guest = await interrupts.orInterrupted(service.call('guests.create', { ...plan, host: hosts.from }))
  if (talks) {
    view.note(`${prefix}${guest.name} runs (${guest.started}, ${guest.start_ms.toFixed(0)} ms). To ${hosts.to}:`)
  }
  const { run_id, predictions } = await service.call('migrations.start', {
    ...migrateInput(guest.id, hosts.to, options, repeat),
    check: options.check,
    ...(options.record === undefined ? {} : { record: numbered(options.record, repeat, options.repeat) }),
  })
  if (predictions !== null && options.json !== true)
    print(`${predictionText(predictions.table, predictions.chosen)}\n\n`)
  const off = interrupts.on(() => {
    void service.call('migrations.cancel', { run_id }).then(({ cancelled }) => {
      view.note(cancelled ? 'Cancelling; once more ends at once …' : 'Too late to cancel: the guest has crossed.')
    }, interrupted)
  })
  try {
    return await service.call('migrations.wait', { run_id })
  } finally {
    off()
    view.end()
    await service.call('guests.destroy', { guest: guest.id })
  }
}

/** `stream.ferry` → `stream-2.ferry` for the second of several runs. */
function numbered(file: string, repeat: number, of: number): string {
  if (of === 1) return file
  const { dir, name, ext } = parse(file)
  return join(dir, `${name}-${repeat + 1}${ext}`)
}
