/** What `ferry experiment` reads and writes: plans, and results as CSV with their `.meta.json`. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { InvalidArgumentError } from 'commander'
import type { Plan } from '../contract/experiment-plan.ts'
import { EXPORTS } from '../contract/experiments.ts'
import { parsePlan } from '../lab/experiments/plan.ts'
import type { LabService } from '../lab/service.ts'
import { FerryError } from '../util/errors.ts'
import { usageError } from './errors.ts'
import { plural } from './format.ts'

/** @param path `-` = stdin. @throws FerryError `plan.read`, `plan.json`, `plan.invalid` */
export async function readPlan(path: string): Promise<Plan> {
  let content: string
  try {
    content = path === '-' ? await textOf(process.stdin) : await readFile(path, 'utf8')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'unknown'
    throw new FerryError('plan.read', `The plan ${path} cannot be read: ${why}.`, { path }, cause)
  }
  return parsePlan(content)
}

/** `2/8`. */
export function shard(text: string): { index: number; count: number } {
  const [, index, count] = /^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? []
  if (index === undefined || count === undefined) throw new InvalidArgumentError('A shard is written I/N, e.g. 2/8.')
  return { index: Number(index), count: Number(count) }
}

/**
 * Whole ids of experiments.
 * @param prefixes none = the newest with all that are of the same plan: its shards
 * @throws FerryError `experiment.unknown`, `experiment.none`, `usage` for a beginning of several
 */
export async function chosenExperiments(service: LabService, prefixes: readonly string[]): Promise<string[]> {
  const all = await service.call('experiments.list', {})
  if (prefixes.length > 0) return prefixes.map((prefix) => one(all, prefix))
  const [newest] = all
  if (newest === undefined) throw new FerryError('experiment.none', 'There is no experiment in the store yet.')
  return shardsBeside(newest, all)
}

interface Known {
  readonly experiment_id: string
  readonly plan_digest: string
  readonly shard: { readonly index: number; readonly count: number }
  readonly state: string
}

/**
 * A whole experiment stands by itself, even where its plan was carried out twice. A shard stands with the others, each
 * once: the newest that is completed, else the newest.
 */
function shardsBeside<K extends Known>(newest: K, all: readonly K[]): string[] {
  if (newest.shard.count === 1) return [newest.experiment_id]
  const chosen = new Map<number, K>()
  for (const held of all) {
    if (held.plan_digest !== newest.plan_digest || held.shard.count !== newest.shard.count) continue
    const before = chosen.get(held.shard.index)
    if (before === undefined || (before.state !== 'completed' && held.state === 'completed')) {
      chosen.set(held.shard.index, held)
    }
  }
  return [...chosen.values()].sort((a, b) => a.shard.index - b.shard.index).map(({ experiment_id }) => experiment_id)
}

function one(all: readonly Known[], prefix: string): string {
  const found = all.filter(({ experiment_id }) => experiment_id.startsWith(prefix))
  if (found.length === 1) return found[0].experiment_id
  if (found.length > 1) {
    throw usageError(`"${prefix}" is the beginning of ${found.length} experiments. Give more of the id.`)
  }
  const message = `There is no experiment "${prefix}" in the store. \`ferry experiment list\` lists those there are.`
  throw new FerryError('experiment.unknown', message, { prefix })
}

/** Writes every export into a folder, which is made. Says what it wrote. @throws FerryError `export.write` */
export async function writeExports(
  service: LabService,
  chosen: { experiments: string[]; pool_machines: boolean },
  folder: string,
): Promise<string> {
  try {
    await mkdir(folder, { recursive: true })
    const written: string[] = []
    for (const what of EXPORTS) {
      const file = `${what}.csv`
      const { csv, rows, meta } = await service.call('experiments.export', { ...chosen, what, file })
      await writeFile(join(folder, file), csv)
      await writeFile(join(folder, `${file}.meta.json`), meta)
      written.push(`${file} (${plural(rows, 'row')})`)
    }
    return `Written to ${folder}: ${written.join(', ')}, each with its .meta.json.`
  } catch (cause) {
    if (cause instanceof FerryError) throw cause
    const why = cause instanceof Error ? cause.message : 'unknown'
    throw new FerryError('export.write', `The results cannot be written to ${folder}: ${why}.`, { folder }, cause)
  }
}
