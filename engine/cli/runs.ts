/** `ferry runs`: what was measured, out of the store. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import type { HostKind } from '../contract/report.ts'
import { defaultStore } from '../lab/places.ts'
import { probesCsv, roundsCsv, runsCsv, summaryCsv, windowsCsv } from '../lab/export/csv.ts'
import type { RunFilter, RunListItem } from '../lab/store/records.ts'
import { openStore, type RunStore } from '../lab/store/run-store.ts'
import { FerryError } from '../util/errors.ts'
import { EXIT, usageError } from './errors.ts'
import { localTime, memory, msFigure, shortId } from './format.ts'
import { jsonOption, KINDS, storeOption, whole } from './options.ts'
import { print, printJson, say } from './output.ts'
import { runText } from './report-view.ts'
import { addMerge } from './runs-merge.ts'
import { type Column, printable, table } from './table.ts'

const LIST_LIMIT = 50
type Direction = `${HostKind}-${HostKind}`
const DIRECTIONS = KINDS.flatMap((from) => KINDS.map((to): Direction => `${from}-${to}`))

interface StoreOptions {
  readonly store?: string
  readonly json?: true
}

interface FilterOptions extends StoreOptions {
  readonly outcome?: 'completed' | 'failed' | 'cancelled'
  readonly algorithm?: string
  readonly direction?: Direction
  readonly guest?: string
  readonly search?: string
  readonly since?: string
  readonly limit?: number
  readonly removed?: true
}

interface ExportOptions extends FilterOptions {
  readonly rounds?: true
  readonly probes?: true
  readonly windows?: true
  readonly summary?: true
  readonly out?: string
}

const HELP = `
ID is a run's id or the beginning of it. Removed runs are only hidden; \`restore\` brings them back.
Names of figures carry their unit: _ms milliseconds, _B bytes. CSV is RFC 4180, UTF-8, with dot decimals.
Exit codes: 0 done, 1 failed (also: no such run), 2 wrong usage.

Examples:
  ferry runs
  ferry runs show 399bac4d
  ferry runs export --out runs.csv
  ferry runs export --summary --direction xen-kvm
  ferry runs list --search "dirty:2000 busy"
  ferry runs export --rounds 399bac4d d99d62fb
  ferry runs note 399bac4d "the machine was busy"
  ferry runs merge all.sqlite shard-*.sqlite`

export function runsCommand(program: Command, done: (code: number) => void): void {
  const runs = program.command('runs').description('list, show, export and annotate the runs in the store')
  runs.addHelpText('after', HELP)

  filters(runs.command('list', { isDefault: true }).description('newest first'))
    .addOption(new Option('--limit <n>', 'at most so many').default(LIST_LIMIT).argParser(whole(1, 1_000_000)))
    .addOption(jsonOption('an array of runs'))
    .action(async (options: FilterOptions) => done(await withStore(options, (store) => list(store, options))))

  runs
    .command('show <id>')
    .description('all figures of a run')
    .addOption(storeOption())
    .addOption(jsonOption('the run with its messages, probes and provenance'))
    .action(async (id: string, options: StoreOptions) =>
      done(await withStore(options, (store) => show(store, id, options))),
    )

  filters(runs.command('export [id...]').description('as CSV: one line a run, unless an option says otherwise'))
    .addOption(new Option('--rounds', 'one line a round of pre-copy').conflicts(['probes', 'windows', 'summary']))
    .addOption(
      new Option('--probes', "one line a request of the network client's probe").conflicts(['windows', 'summary']),
    )
    .addOption(new Option('--windows', 'one line a stretch of the critical window').conflicts('summary'))
    .addOption(new Option('--summary', 'medians, quartiles and 95 % intervals by conditions'))
    .addOption(new Option('--limit <n>', 'at most so many runs, the newest').argParser(whole(1, 1_000_000)))
    .addOption(new Option('--out <file>', 'write to a file instead of stdout'))
    .action(async (ids: string[], options: ExportOptions) =>
      done(await withStore(options, (store) => exportRuns(store, ids, options))),
    )

  const change = (name: string, description: string, work: (store: RunStore, id: string) => string): void => {
    runs
      .command(`${name} <id>`)
      .description(description)
      .addOption(storeOption())
      .action(async (id: string, options: StoreOptions) => {
        await withStore(options, (store) => say(work(store, fullId(store, id))))
        done(EXIT.ok)
      })
  }
  change('remove', 'hide a run from lists and exports', (store, id) => {
    store.remove(id)
    return `Run ${shortId(id)} is removed. \`ferry runs restore ${shortId(id)}\` brings it back.`
  })
  change('restore', 'bring a removed run back', (store, id) => {
    store.restore(id)
    return `Run ${shortId(id)} is in the lists again.`
  })
  runs
    .command('note <id> <text>')
    .description('keep words with a run; an empty text takes them away')
    .addOption(storeOption())
    .action(async (id: string, text: string, options: StoreOptions) => {
      await withStore(options, (store) => store.setNote(fullId(store, id), text))
      done(EXIT.ok)
    })
  addMerge(runs, done)
}

function filters(command: Command): Command {
  return command
    .addOption(new Option('--outcome <outcome>', 'only these').choices(['completed', 'failed', 'cancelled']))
    .addOption(new Option('--algorithm <name>', 'only this algorithm'))
    .addOption(new Option('--direction <kinds>', 'only from and to these kinds').choices(DIRECTIONS))
    .addOption(new Option('--guest <name>', 'only this guest'))
    .addOption(new Option('--search <words>', 'only runs in which, or in whose note, all these words occur'))
    .addOption(new Option('--since <date>', 'only runs started then or later, ISO 8601'))
    .addOption(new Option('--removed', 'only removed runs'))
    .addOption(storeOption())
}

async function withStore<T>(options: StoreOptions, work: (store: RunStore) => T | Promise<T>): Promise<T> {
  const path = options.store ?? defaultStore()
  // Looking must not make a store. Nothing was measured yet: an empty one in memory is the same.
  const store = openStore(options.store === undefined && !existsSync(path) ? ':memory:' : path)
  try {
    return await work(store)
  } finally {
    store.close()
  }
}

function filterOf(options: FilterOptions): RunFilter {
  const { outcome, algorithm, direction, guest, search, since, limit, removed } = options
  const [from_kind, to_kind] = (direction?.split('-') ?? []) as HostKind[]
  return {
    ...(outcome === undefined ? {} : { outcome }),
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(direction === undefined ? {} : { from_kind, to_kind }),
    ...(guest === undefined ? {} : { guest }),
    ...(search === undefined ? {} : { text: search }),
    ...(since === undefined ? {} : { since }),
    ...(limit === undefined ? {} : { limit }),
    ...(removed === undefined ? {} : { deleted: true }),
  }
}

/** @throws FerryError `run.unknown`, `usage` for more than one */
function fullId(store: RunStore, prefix: string): string {
  if (store.get(prefix) !== null) return prefix
  const all = [false, true].flatMap((deleted) => store.list({ deleted, limit: Number.MAX_SAFE_INTEGER }))
  const matches = all.filter(({ run }) => run.run_id.startsWith(prefix))
  if (matches.length === 1) return matches[0].run.run_id
  if (matches.length > 1)
    throw usageError(`"${prefix}" is the beginning of ${matches.length} runs. Give more of the id.`)
  throw new FerryError('run.unknown', `There is no run "${prefix}" in the store. \`ferry runs\` lists those there are.`)
}

function list(store: RunStore, options: FilterOptions): number {
  const items = store.list(filterOf(options))
  if (options.json === true) {
    printJson(items.map(({ run, note, deleted_at }) => ({ ...run, note, deleted_at })))
    return EXIT.ok
  }
  if (items.length === 0) {
    print('There are no such runs. `ferry migrate` makes one.')
    return EXIT.ok
  }
  print(table(COLUMNS, items))
  const all = store.count(filterOf(options))
  if (all > items.length) print(`${items.length} of ${all} runs; --limit shows more.`)
  return EXIT.ok
}

const figure = (value: number | null): string => (value === null ? '-' : msFigure(value))

const COLUMNS: readonly Column<RunListItem>[] = [
  { title: 'run', cell: ({ run }) => shortId(run.run_id) },
  { title: 'started', cell: ({ run }) => localTime(run.started_at) },
  { title: 'outcome', cell: ({ run }) => run.outcome },
  { title: 'from → to', cell: ({ run }) => `${run.from} → ${run.to}` },
  { title: 'algorithm', cell: ({ run }) => run.algorithm },
  { title: 'guest', cell: ({ run }) => run.guest },
  { title: 'RAM', align: 'right', cell: ({ run }) => memory(run.ram_B) },
  { title: 'workload', cell: ({ run }) => run.workload },
  { title: 'link', cell: ({ run }) => run.link },
  { title: 'downtime, ms', align: 'right', cell: ({ run }) => figure(run.downtime_ms) },
  { title: 'outage, ms', align: 'right', cell: ({ run }) => figure(run.outage_ms) },
  { title: 'total, ms', align: 'right', cell: ({ run }) => figure(run.total_ms) },
  { title: 'sent, MB', align: 'right', cell: ({ run }) => (run.bytes_sent_B / 1e6).toFixed(1) },
  { title: 'checks', cell: ({ run }) => checks(run) },
  { title: 'note', cell: ({ note }) => note ?? '' },
]

function checks({ ram_equal, guest_check }: RunListItem['run']): string {
  const ram = ram_equal === null ? [] : [ram_equal ? 'RAM equal' : 'RAM DIFFERENT']
  return [...ram, ...(guest_check === null ? [] : [`guest ${guest_check}`])].join(', ')
}

function show(store: RunStore, prefix: string, options: StoreOptions): number {
  const run = store.get(fullId(store, prefix))
  if (run === null) throw new FerryError('run.unknown', `There is no run "${prefix}" in the store.`)
  if (options.json === true) {
    printJson(run)
    return EXIT.ok
  }
  const { provenance } = run
  print(runText(run.report, `run of ${localTime(run.report.started_at)}`))
  print(
    `\n  ${run.messages.length} messages, ${run.probes.length} probes kept; Ferry ${provenance.app_version}, ` +
      `Node ${provenance.node_version}, v86 ${provenance.v86_version}, ${provenance.cpu_model || 'CPU unknown'}, ` +
      `${provenance.cores} cores, load ${provenance.load_average_1min?.toFixed(2) ?? 'unknown'}`,
  )
  if (run.note !== null) print(`  note: ${printable(run.note)}`)
  if (run.deleted_at !== null) print(`  removed at ${localTime(run.deleted_at)}`)
  return EXIT.ok
}

async function exportRuns(store: RunStore, prefixes: readonly string[], options: ExportOptions): Promise<number> {
  const chosen = new Set(prefixes.map((prefix) => fullId(store, prefix)))
  const reports = store.reports(filterOf(options)).filter(({ run_id }) => chosen.size === 0 || chosen.has(run_id))
  const text = csvOf(store, reports, options)
  if (options.out === undefined) print(text)
  else {
    try {
      await writeFile(options.out, text)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : 'unknown'
      throw new FerryError('export.write', `${options.out} cannot be written: ${why}.`, { path: options.out }, cause)
    }
    say(`${reports.length} ${reports.length === 1 ? 'run' : 'runs'} written to ${options.out}.`)
  }
  return EXIT.ok
}

function csvOf(store: RunStore, reports: ReturnType<RunStore['reports']>, options: ExportOptions): string {
  if (options.rounds === true) return roundsCsv(reports)
  if (options.windows === true) return windowsCsv(reports)
  if (options.summary === true) return summaryCsv(reports)
  if (options.probes !== true) return runsCsv(reports)
  return probesCsv(reports.map(({ run_id }) => ({ run_id, probes: store.get(run_id)?.probes ?? [] })))
}
