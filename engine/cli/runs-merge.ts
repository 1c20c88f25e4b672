/** `ferry runs merge`: the stores of several machines become one. */
import type { Command } from 'commander'
import { type Merged, mergeStore } from '../lab/store/merge.ts'
import { EXIT } from './errors.ts'
import { plural } from './format.ts'
import { jsonOption } from './options.ts'
import { print, printJson } from './output.ts'

const HELP = `
Takes from each IN what OUT has not: runs with all their parts and their provenance, experiments with their trials. OUT is
made where it is not there; an IN is never changed. What is in OUT already is left as it is: merging twice doubles nothing,
and an experiment that went on since brings what is new. The same id with different content is refused, and nothing of
that IN is merged.

Examples:
  ferry runs merge all.sqlite shard-1.sqlite shard-2.sqlite
  ferry experiment results --store all.sqlite`

export function addMerge(runs: Command, done: (code: number) => void): void {
  runs
    .command('merge <out> <in...>')
    .description('take runs and experiments of other stores into one')
    .addOption(jsonOption('what was merged, of each store'))
    .addHelpText('after', HELP)
    .action((out: string, sources: string[], options: { json?: true }) => {
      const merged = sources.map((from) => ({ from, ...mergeStore(out, from) }))
      if (options.json === true) printJson(merged)
      else print(merged.map((one) => `${one.from}: ${mergedText(one)}`).join('\n'))
      done(EXIT.ok)
    })
}

function mergedText({ runs, runs_known, experiments, experiments_known }: Merged): string {
  return (
    `${plural(runs, 'run')} and ${plural(experiments, 'experiment')} taken; ` +
    `${plural(runs_known, 'run')} and ${plural(experiments_known, 'experiment')} were there already.`
  )
}
