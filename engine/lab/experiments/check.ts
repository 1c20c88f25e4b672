/** Whether a plan can be carried out here, found out before anything is started; and how long it will take. */
import { loadManifest, type GuestImage } from '../../../images/manifest.ts'
import { listUserImages } from '../../../images/user.ts'
import type { Condition, Plan } from '../../contract/experiment-plan.ts'
import type { PlanCheck } from '../../contract/experiments.ts'
import { parseLink } from '../../migration/link.ts'
import { ALGORITHM_NAMES, isAlgorithmName } from '../../migration/policy/pool.ts'
import type { HostKind } from '../../contract/report.ts'
import { FerryError } from '../../util/errors.ts'
import { calibrate, RUNS_LOOKED_AT } from '../calibration.ts'
import { ABILITIES, kindViews } from '../kinds.ts'
import type { Lab } from '../lab.ts'
import { parseWorkload, workloadCommand } from '../workload.ts'
import { priorMs, type Known } from './estimate.ts'
import { conditionsOf, kindsOf, type Shard, titleOf, trialsOf, WHOLE } from './expand.ts'
import { checkedPlan } from './plan.ts'

/** Intervals of fewer values say little. */
const FEW_REPEATS = 5

/** What the computer has, as far as plans ask for it. */
export interface Means {
  readonly images: ReadonlyMap<string, ImageMeans>
  /** Kinds of host that cannot be had, with what to do. */
  readonly lacking: ReadonlyMap<HostKind, string>
}
interface ImageMeans extends Pick<GuestImage, 'title' | 'memory' | 'workloads'> {
  /** Shortest heartbeat; null: an image of the user's own, of which neither heartbeat nor workloads are known. */
  readonly heartbeatMs: number | null
}

export async function meansHere(): Promise<Means> {
  const [manifest, own, kinds] = await Promise.all([loadManifest(), listUserImages(), kindViews()])
  const images = new Map<string, ImageMeans>()
  for (const { name, minRam } of own) {
    const memory = { minimumMb: minRam, defaultMb: Math.max(minRam, 64) }
    images.set(name, { title: name, memory, workloads: [], heartbeatMs: null })
  }
  for (const { name, title, memory, workloads, heartbeat } of manifest.images) {
    images.set(name, { title, memory, workloads, heartbeatMs: heartbeat.minimumMs })
  }
  const lacking = kinds.flatMap(({ kind, reason }) => (reason === null ? [] : [[kind, reason] as const]))
  return { images, lacking: new Map(lacking) }
}

/** What of a plan cannot be carried out with these means, in sentences, each once. */
export function problemsOf(conditions: readonly Condition[], means: Means): string[] {
  return [...new Set(conditions.flatMap((made) => problems(made, means)))]
}

function problems(made: Condition, means: Means): string[] {
  const image = means.images.get(made.guest)
  if (image === undefined) {
    return [`There is no guest "${made.guest}"; there are ${[...means.images.keys()].join(', ')}.`]
  }
  const { title, memory, heartbeatMs } = image
  const found = [...wrong(() => parseLink(made.link)), ...hostProblems(made, means)]
  if (made.ram_MB !== null && made.ram_MB < memory.minimumMb) {
    found.push(
      `${title} needs at least ${memory.minimumMb} MB of RAM, not ${made.ram_MB}; "except" leaves a combination out.`,
    )
  }
  if (!isAlgorithmName(made.algorithm)) {
    found.push(`There is no algorithm "${made.algorithm}"; the pool has ${ALGORITHM_NAMES.join(', ')}.`)
  }
  if (heartbeatMs === null) {
    if (made.workload !== 'idle' || made.heartbeat_ms > 0) {
      found.push(
        `Ferry knows no workloads and no heartbeat of ${made.guest}, an image of your own: it can only be idle.`,
      )
    }
    return found
  }
  found.push(...wrong(() => workloadCommand(image, parseWorkload(made.workload))))
  if (made.heartbeat_ms > 0 && made.heartbeat_ms < heartbeatMs) {
    found.push(`The heartbeat of ${title} is ${heartbeatMs} ms at the shortest, not ${made.heartbeat_ms}.`)
  }
  if (parseWorkload(made.workload).name === 'disk' && made.disk_MB === 0) {
    found.push(`The workload ${made.workload} needs a disk: give disk_MB.`)
  }
  return found
}

/** What the hosts of a direction cannot do, or that there are none. */
function hostProblems({ direction, algorithm }: Condition, { lacking }: Means): string[] {
  const [from, to] = kindsOf(direction)
  const missing = [from, to].flatMap((kind) => lacking.get(kind) ?? [])
  if (missing.length > 0) return missing
  const found: string[] = []
  for (const kind of [from, to]) {
    const { algorithms, lacks } = ABILITIES[kind]
    if (!isAlgorithmName(algorithm) || algorithms.includes(algorithm)) continue
    found.push(
      `${algorithm} is not possible with a ${kind} host, which has ${algorithms.join(', ')}; "except" leaves a combination out.` +
        (lacks[algorithm] === undefined ? '' : ` ${lacks[algorithm]}`),
    )
  }
  return found
}

function wrong(work: () => unknown): string[] {
  try {
    work()
    return []
  } catch (thrown) {
    return [FerryError.from(thrown).message]
  }
}

/** @throws nothing for what is wrong with the plan: that is the result */
export async function checkPlan(lab: Lab, value: unknown, shard: Shard = WHOLE): Promise<PlanCheck> {
  const none = { plan: null, warnings: [], conditions: [], trials: 0, estimate_ms: null }
  let plan: Plan
  let conditions: Condition[]
  let trials: number
  try {
    plan = checkedPlan(value)
    conditions = conditionsOf(plan)
    trials = trialsOf(plan, shard).length
  } catch (thrown) {
    return { ...none, problems: [FerryError.from(thrown).message] }
  }
  const means = await meansHere()
  const found = problemsOf(conditions, means)
  if (found.length > 0) return { ...none, problems: found }
  const priors = priorsOf(lab, plan, conditions, means)
  return {
    plan,
    problems: [],
    warnings: warningsOf(lab, plan),
    conditions: conditions.map((made) => titleOf(plan, made)),
    trials,
    estimate_ms: trialsOf(plan, shard).reduce((sum, trial) => sum + (priors[trial.condition] ?? 0), 0),
  }
}

/** How long a trial of each condition will take, before any was made. */
export function priorsOf(lab: Lab, plan: Plan, conditions: readonly Condition[], means: Means): number[] {
  const runs = lab.store.reports({ outcome: 'completed', limit: RUNS_LOOKED_AT })
  const known: Known = {
    calibration: calibrate(runs),
    runs,
    defaultMb: new Map([...means.images].map(([name, { memory }]) => [name, memory.defaultMb])),
    settle_ms: plan.settle_ms,
  }
  return conditions.map((made) => priorMs(made, known))
}

function warningsOf(lab: Lab, { repeats, warm_up }: Plan): string[] {
  const guests = [...lab.guests.values()].filter(({ state }) => state === 'running').length
  return [
    ...(repeats < FEW_REPEATS
      ? [`${repeats} repeats say little about spread; 10 make an interval worth reading.`]
      : []),
    ...(warm_up === 0 ? ['Without a warm-up the first trials are slower than the others.'] : []),
    ...(guests > 0
      ? [
          `${guests === 1 ? 'A guest runs' : `${guests} guests run`} in the lab and will take time from the measurement; pause or destroy them.`,
        ]
      : []),
  ]
}
