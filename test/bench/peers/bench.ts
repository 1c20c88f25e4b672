/**
 * `npm run bench -- peers`: the same guest, loads and links by Ferry, by QEMU and by v86's own save and restore, each
 * round in a random order, so that a slow phase of the machine meets all. Rows go to a CSV file as they come.
 */
import { rmSync } from 'node:fs'
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import { join } from 'node:path'
import { describe } from '../../../engine/lab/export/statistics.ts'
import { nowMs } from '../../../engine/util/clock.ts'
import { FerryError } from '../../../engine/util/errors.ts'
import { ferryAlgorithms, runFerry } from './ferry-peer.ts'
import { peerOptions, type PeerOptions } from './options.ts'
import { type Case, type Selection, type Step, steps } from './plan.ts'
import { QEMU_ALGORITHMS } from './qemu/migrate.ts'
import { QemuPeer, qemuVersion } from './qemu/peer.ts'
import { QEMU_PROGRAM } from './qemu/process.ts'
import { completeRow, csvHeader, csvLine, type Measured, parseCsv, type Row } from './row.ts'
import { groupsOf } from './summary.ts'
import { resultTables, targetTable } from './tables.ts'
import { targetsOf } from './targets.ts'
import { V86Peer } from './v86-peer.ts'

const OUTPUT = join('output', 'bench')
/** A shell's exit codes for a program that a signal has ended: 128 and its number. */
const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const
const V86_ALGORITHMS = ['save-restore']

type Say = (line: string) => void

/** Measures what the arguments ask for and returns the report, which is saved beside the rows. */
export async function benchPeers(args: readonly string[], say: Say): Promise<string> {
  const options = peerOptions(args)
  const qemu = await qemuVersion()
  const rows: Row[] = []
  for (const file of options.from) rows.push(...parseCsv(await readFile(file, 'utf8')))
  const plan = steps(await selectionOf(options, qemu, say), options.seed)
  const name = `peers-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}`
  await mkdir(OUTPUT, { recursive: true })
  if (plan.length > 0) rows.push(...(await measure(plan, join(OUTPUT, `${name}.csv`), say)))
  const report = reportOf(rows, qemu)
  await writeFile(join(OUTPUT, `${name}.md`), `${report}\n`)
  say(`Written: ${join(OUTPUT, name)}${plan.length > 0 ? '.{csv,md}' : '.md'}`)
  return report
}

/** What of the wish can be measured here; what cannot is said. */
async function selectionOf(options: PeerOptions, qemu: string | null, say: Say): Promise<Selection> {
  let { peers } = options
  if (peers.includes('qemu') && qemu === null) {
    say(`There is no ${QEMU_PROGRAM} here (Debian: apt-get install qemu-system-x86). QEMU is left out.`)
    peers = peers.filter((peer) => peer !== 'qemu')
  }
  const wanted = (names: readonly string[]) => names.filter((name) => options.algorithms?.includes(name) ?? true)
  const algorithms = {
    ferry: wanted(await ferryAlgorithms()),
    qemu: wanted(Object.keys(QEMU_ALGORITHMS)),
    v86: wanted(V86_ALGORITHMS),
  }
  return { ...options, peers, algorithms }
}

/** Carries out the plan; each row is on disk before the next migration begins. */
async function measure(plan: readonly Step[], file: string, say: Say): Promise<Row[]> {
  const folder = await mkdtemp(join(os.tmpdir(), 'ferry-bench-'))
  // Ended from outside, the bench leaves neither processes nor files behind; the rows so far are on disk.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (const [signal, code] of SIGNALS) process.once(signal, () => process.exit(code))
  const rows: Row[] = []
  const eta = new Eta(plan)
  try {
    const run = runner(folder)
    await writeFile(file, csvHeader())
    for (const [index, { of, round }] of plan.entries()) {
      const begun = nowMs()
      const row = completeRow(circumstances(of), await outcomeOf(() => run(of, round)))
      rows.push(row)
      await appendFile(file, csvLine(row))
      eta.took(of, nowMs() - begun)
      say(`${index + 1}/${plan.length} ${line(row)}; ${eta.left(index + 1)} left`)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return rows
}

function runner(folder: string): (of: Case, round: number) => Promise<Measured> {
  const qemu = new QemuPeer(folder)
  const v86 = new V86Peer(folder)
  return (of, round) => {
    if (of.peer === 'ferry') return runFerry(of, round)
    return of.peer === 'qemu' ? qemu.run(of) : v86.run(of)
  }
}

const circumstances = (of: Case) => ({ ...of, at: new Date().toISOString(), machine_load: os.loadavg()[0] })

/** A run that breaks off is a result of its own; the bench goes on. */
async function outcomeOf(run: () => Promise<Measured>): Promise<Measured> {
  try {
    return await run()
  } catch (thrown) {
    return { outcome: 'failed', note: FerryError.from(thrown).message }
  }
}

function line(row: Row): string {
  const ms = (value: number | null, what: string) => (value === null ? [] : [`${what} ${value.toFixed(1)} ms`])
  const facts = [
    ...ms(row.pause_run_ms, 'pause → run'),
    ...ms(row.tick_gap_ms, 'gap'),
    ...ms(row.outage_ms, 'outage'),
    ...ms(row.total_ms, 'total'),
    ...(row.wrong_pages === null ? [] : [`${row.wrong_pages} wrong pages`]),
    ...(row.outcome === 'completed' ? [] : [row.outcome.toUpperCase(), row.note]),
  ]
  const { peer, algorithm, ram_MB, load, link, kind } = row
  return `${peer} ${algorithm}, ${ram_MB} MB, ${load}, ${link}, ${kind}: ${facts.join(', ')}`
}

/** Time that is left, from what the peers' migrations took so far. */
class Eta {
  readonly #plan: readonly Step[]
  readonly #taken = new Map<string, { sum: number; n: number }>()

  constructor(plan: readonly Step[]) {
    this.#plan = plan
  }

  took({ peer, ram_MB }: Case, ms: number): void {
    for (const key of [`${peer} ${ram_MB}`, peer, '']) {
      const { sum, n } = this.#taken.get(key) ?? { sum: 0, n: 0 }
      this.#taken.set(key, { sum: sum + ms, n: n + 1 })
    }
  }

  left(done: number): string {
    const mean = (key: string) => {
      const taken = this.#taken.get(key)
      return taken === undefined ? undefined : taken.sum / taken.n
    }
    const ms = this.#plan
      .slice(done)
      .reduce((sum, { of }) => sum + (mean(`${of.peer} ${of.ram_MB}`) ?? mean(of.peer) ?? mean('') ?? 0), 0)
    const minutes = Math.round(ms / 60_000)
    return minutes < 1 ? 'less than a minute' : `${minutes} min`
  }
}

function reportOf(rows: readonly Row[], qemu: string | null): string {
  const loads = describe(rows.map(({ machine_load }) => machine_load))
  const without = qemu === null ? 'QEMU is not installed here: its rows are missing' : `QEMU ${qemu}`
  return [
    `Medians (95 % bootstrap intervals); ${without}; Node ${process.versions.node}, ${os.cpus()[0].model}, ` +
      `${os.cpus().length} cores, load ${loads.median?.toFixed(1) ?? '–'}, ${new Date().toISOString().slice(0, 10)}.`,
    targetTable(targetsOf(rows)),
    resultTables(groupsOf(rows)),
  ].join('\n\n')
}
