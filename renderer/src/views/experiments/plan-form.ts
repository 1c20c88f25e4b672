/** A plan as the texts of a form, and back. Pure. What is wrong with a text is the lab's to say, at its place in the plan. */
import {
  type Factor,
  FACTORS,
  type Level,
  type Plan,
  PLAN_FORMAT,
} from '../../../../engine/contract/experiment-plan.ts'

export interface PlanForm {
  name: string
  description: string
  seed: number | null
  repeats: number | null
  warm_up: number | null
  settle_ms: number | null
  /** Levels by factor, separated by blanks; empty = the default. */
  levels: Record<Factor, string>
  except: Plan['except']
}

/** Factors whose levels are yes and no. */
export const SWITCHES: ReadonlySet<Factor> = new Set([
  'zero',
  'delta',
  'rate_control',
  'skip_dirtied',
  'throttle',
  'verify_ram',
])
const WORDS: ReadonlySet<Factor> = new Set(['direction', 'algorithm', 'guest', 'workload', 'link', 'compress'])
/** Stands for null: Ferry's own choice. */
export const DEFAULT = 'default'

export function formOf(plan: Plan): PlanForm {
  const text = (factor: Factor): string => {
    const base = plan.base[factor]
    const levels: readonly Level[] = plan.factors[factor] ?? (base === undefined ? [] : [base])
    return levels.map(textOf).join(' ')
  }
  const { name, description, seed, repeats, warm_up, settle_ms, except } = plan
  const levels = Object.fromEntries(FACTORS.map((factor) => [factor, text(factor)])) as Record<Factor, string>
  return { name, description, seed, repeats, warm_up, settle_ms, levels, except }
}

/** For `experiments.check`, which says whether it is a plan. */
export function planOf({ levels, ...rest }: PlanForm): Record<string, unknown> {
  const base: Record<string, unknown> = {}
  const factors: Record<string, unknown> = {}
  for (const factor of FACTORS) {
    const values = wordsOf(levels[factor]).map((word) => valueOf(factor, word))
    if (values.length === 1) base[factor] = values[0]
    else if (values.length > 1) factors[factor] = values
  }
  return { format: PLAN_FORMAT, ...rest, base, factors }
}

export const wordsOf = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '')

/** The text with or without a level, in the order of `all`. */
export function toggled(text: string, word: string, all: readonly string[]): string {
  const held = wordsOf(text)
  const next = held.includes(word) ? held.filter((other) => other !== word) : [...held, word]
  return [...all.filter((one) => next.includes(one)), ...next.filter((one) => !all.includes(one))].join(' ')
}

function textOf(level: Level): string {
  if (level === null) return DEFAULT
  if (typeof level === 'boolean') return level ? 'on' : 'off'
  return String(level)
}

/** What is no number stays a text, so that the check can say where it stands. */
function valueOf(factor: Factor, word: string): unknown {
  if (WORDS.has(factor)) return word
  if (SWITCHES.has(factor)) return word === 'on' ? true : word === 'off' ? false : word
  if (word === DEFAULT) return null
  const number = Number(word)
  return Number.isFinite(number) ? number : word
}
