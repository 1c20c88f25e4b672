/** `ferry experiment`: a plan is carried out, goes on after a pause or a crash, and its results are shown and written. */
import { type Command, Option } from 'commander'
import type { Plan } from '../contract/experiment-plan.ts'
import type { ExperimentView } from '../contract/experiments.ts'
import { READY_MADE } from '../lab/experiments/ready-made.ts'
import { type Shard, trialsOf, WHOLE } from '../lab/experiments/expand.ts'
import { digestOf } from '../lab/experiments/plan.ts'
import type { LabService } from '../lab/service.ts'
import { FerryError } from '../util/errors.ts'
import { EXIT, usageError } from './errors.ts'
import { chosenExperiments, readPlan, shard, writeExports } from './experiment-files.ts'
import { ExperimentProgress } from './experiment-progress.ts'
import { checkText, listText, plansText, resultsText } from './experiment-view.ts'
import { Interrupts } from './interrupts.ts'
import { jsonOption, storeOption } from './options.ts'
import { print, printJson, say } from './output.ts'
import { openLab } from './session.ts'

interface ResultOptions {
  readonly store?: string
  readonly json?: true
  readonly out?: string
  readonly poolMachines?: true
}

interface RunOptions extends ResultOptions {
  readonly shard?: Shard
  readonly quiet?: true
  readonly check?: true
  readonly continue?: true
}

const HELP = `
PLAN is a JSON file, or - for stdin: factors with their levels, repeats, warm-up, seed. \`ferry experiment plans NAME\`
prints one that comes with Ferry, to start from. Every repeat is a complete block of all conditions in an order of its
own, drawn by the seed; each trial has a fresh guest. Warm-up is kept, but in no result.

Ctrl-C pauses after the trial under way; twice ends at once, and that trial is made again. Either way, and after a
crash, \`ferry experiment resume\` goes on. ID is an experiment's id or the beginning of it; the default is the newest.

--shard 2/8 carries out every 8th block, beginning with the 2nd: give each machine of a pool its own number, then
\`ferry runs merge\` the stores. With --continue, a job that its scheduler starts again goes on where it was. Each
machine is compared with itself alone, unless --pool-machines is given.
--out writes raw.csv, summary.csv, comparisons.csv, rounds.csv and probes.csv, each with a .meta.json beside it.

Exit codes: 0 done, 1 failed (a trial, too), 2 wrong usage (or a plan that cannot be carried out), 130 interrupted.

Examples:
  ferry experiment plans
  ferry experiment plans latency-sweep > plan.json
  ferry experiment plan.json --check
  ferry experiment plan.json --out results
  ferry experiment plan.json --shard 2/8 --continue --store shard-2.sqlite
  ferry runs merge all.sqlite shard-*.sqlite && ferry experiment results --store all.sqlite
  ferry experiment resume
  ferry experiment results --json`

export function experimentCommand(program: Command, done: (code: number) => void): void {
  const experiment = program.command('experiment').description('carry out a plan of many migrations, and compare')
  experiment.addHelpText('after', HELP)

  results(experiment.command('run <plan>', { isDefault: true }).description('carry out a plan'))
    .addOption(new Option('--shard <i/n>', 'only every n-th block of repeats, from the i-th on').argParser(shard))
    .addOption(new Option('--continue', 'go on with the same plan and shard, where the store has it begun already'))
    .addOption(new Option('--check', 'only say what the plan comes to, and how long it will take'))
    .addOption(new Option('--quiet', 'no progress on stderr'))
    .action(async (plan: string, options: RunOptions) => done(await run(plan, options)))

  results(experiment.command('resume [id]').description('go on after a pause or a crash'))
    .addOption(new Option('--quiet', 'no progress on stderr'))
    .action(async (id: string | undefined, options: RunOptions) => done(await resume(id, options)))

  results(
    experiment.command('results [id...]').description('medians, intervals and comparisons; several: shards'),
  ).action(async (ids: string[], options: ResultOptions) =>
    done(
      await withLab(options, async (service) => {
        await tell(service, await chosenExperiments(service, ids), options)
        return EXIT.ok
      }),
    ),
  )

  experiment
    .command('list')
    .description('experiments in the store, newest first')
    .addOption(storeOption())
    .addOption(jsonOption('an array of experiments'))
    .action(async (options: ResultOptions) => done(await withLab(options, (service) => list(service, options))))

  experiment
    .command('cancel <id>')
    .description('end a paused or broken experiment for good; its finished runs stay')
    .addOption(storeOption())
    .action(async (id: string, options: ResultOptions) =>
      done(
        await withLab(options, async (service) => {
          const [experiment_id] = await chosenExperiments(service, [id])
          const view = await service.call('experiments.cancel', { experiment_id })
          say(`"${view.name}" is ${view.state}.`)
          return EXIT.ok
        }),
      ),
    )

  experiment
    .command('plans [name]')
    .description('plans that come with Ferry; with a name, the plan itself as JSON')
    .action((name: string | undefined) => done(plans(name)))
}

function results(command: Command): Command {
  return command
    .addOption(storeOption())
    .addOption(new Option('--out <folder>', 'write the results as CSV into this folder'))
    .addOption(new Option('--pool-machines', 'throw the trials of all machines together'))
    .addOption(jsonOption('the results'))
}

async function withLab<T>(options: ResultOptions, work: (service: LabService) => Promise<T>): Promise<T> {
  const service = await openLab(options.store, 1, say)
  try {
    return await work(service)
  } finally {
    await service.close()
  }
}

async function run(path: string, options: RunOptions): Promise<number> {
  const plan = await readPlan(path)
  // Wrong shards are told before a store is made for them.
  trialsOf(plan, options.shard)
  return withLab(options, async (service) => {
    const input = options.shard === undefined ? { plan } : { plan, shard: options.shard }
    const check = await service.call('experiments.check', input)
    if (check.plan === null) throw usageError(`${check.problems.join(' ')} Nothing was started.`)
    if (options.check === true) {
      if (options.json === true) printJson(check)
      else print(checkText(check))
      return EXIT.ok
    }
    if (options.quiet !== true) for (const warning of check.warnings) say(warning)
    const begun = options.continue === true ? await begunAs(service, plan, options.shard) : null
    if (begun?.state === 'completed') {
      say(`"${begun.name}" is completed already.`)
      await tell(service, [begun.experiment_id], options)
      return begun.failed === 0 ? EXIT.ok : EXIT.failed
    }
    const begin = (): Promise<ExperimentView> =>
      begun === null ? service.call('experiments.start', input) : service.call('experiments.resume', begun)
    return toItsEnd(service, begin, options)
  })
}

/** The newest experiment of this plan and shard that was not cancelled. */
async function begunAs(
  service: LabService,
  plan: Plan,
  { index, count }: Shard = WHOLE,
): Promise<ExperimentView | null> {
  const digest = digestOf(plan)
  const all = await service.call('experiments.list', {})
  const found = all.find(
    ({ plan_digest, shard: held, state }) =>
      plan_digest === digest && held.index === index && held.count === count && state !== 'cancelled',
  )
  return found ?? null
}

async function resume(id: string | undefined, options: RunOptions): Promise<number> {
  return withLab(options, async (service) => {
    const [experiment_id] =
      id === undefined ? [await newestUnfinished(service)] : await chosenExperiments(service, [id])
    return toItsEnd(service, () => service.call('experiments.resume', { experiment_id }), options)
  })
}

async function newestUnfinished(service: LabService): Promise<string> {
  const all = await service.call('experiments.list', {})
  const found = all.find(({ state }) => state === 'paused' || state === 'interrupted')
  if (found !== undefined) return found.experiment_id
  throw new FerryError('experiment.none', 'There is no experiment that could go on. `ferry experiment list` shows all.')
}

/** Carries out what `begin` starts, with progress; Ctrl-C pauses it. */
async function toItsEnd(
  service: LabService,
  begin: () => Promise<ExperimentView>,
  options: RunOptions,
): Promise<number> {
  const interrupts = new Interrupts()
  const progress = options.quiet === true ? null : new ExperimentProgress()
  try {
    const { experiment_id } = await begin()
    service.on('experiments.changed', (view) => {
      if (view.experiment_id === experiment_id) progress?.update(view)
    })
    const pause = (): void => {
      progress?.note('Pausing after the trial under way; once more ends at once …')
      // It may have ended by itself meanwhile.
      service.call('experiments.pause', { experiment_id }).catch(() => {})
    }
    if (interrupts.happened) pause()
    const off = interrupts.on(pause)
    const view = await service.call('experiments.wait', { experiment_id })
    off()
    progress?.end()
    await tell(service, [experiment_id], options)
    if (view.problem !== null) say(view.problem)
    if (view.state === 'completed') return view.failed === 0 ? EXIT.ok : EXIT.failed
    say(`${view.ended} of ${view.trials} trials are made. \`ferry experiment resume\` goes on.`)
    return interrupts.happened ? EXIT.interrupted : EXIT.failed
  } finally {
    progress?.end()
    interrupts.close()
  }
}

/** Results on stdout, and as files where they are asked for. */
async function tell(service: LabService, experiments: string[], options: ResultOptions): Promise<void> {
  const chosen = { experiments, pool_machines: options.poolMachines === true }
  const found = await service.call('experiments.results', chosen)
  if (options.json === true) printJson(found)
  else print(resultsText(found))
  if (options.out !== undefined) say(await writeExports(service, chosen, options.out))
}

async function list(service: LabService, options: ResultOptions): Promise<number> {
  const all = await service.call('experiments.list', {})
  if (options.json === true) printJson(all)
  else print(listText(all))
  return EXIT.ok
}

function plans(name: string | undefined): number {
  if (name === undefined) {
    print(plansText(READY_MADE))
    return EXIT.ok
  }
  const found = READY_MADE.find(({ id }) => id === name)
  if (found === undefined) {
    throw usageError(`There is no plan "${name}". There are: ${READY_MADE.map(({ id }) => id).join(', ')}.`)
  }
  printJson(found.plan)
  return EXIT.ok
}
