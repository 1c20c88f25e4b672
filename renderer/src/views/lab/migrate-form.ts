/** What the Migrate dialog holds, and the input for the lab that it stands for. Pure. */
import type { MigrateInput } from '../../../../engine/contract/lab.ts'
import type { Importance } from '../../../../engine/contract/prediction.ts'
import type { SavingsInput } from '../../../../engine/contract/savings.ts'
import { ALL_TARGETS, NO_TARGETS, type TargetField, type TargetFields, targetsOf } from '../../state/targets.ts'

/** Choices beside the algorithms of the pool. */
export const RANDOM = 'random'
export const AUTOMATIC = 'automatic'

export interface MigrateForm {
  to: string
  /** Name of an algorithm, `RANDOM` or `AUTOMATIC`. */
  choice: string
  targets: TargetFields
  /** What decides among those that keep the targets; `pool`: the order of the pool. */
  first: 'pool' | Importance
  /** Whether a prediction is kept with the run though the user chose. */
  predict: boolean
  link: string
  threshold_pages: number
  max_rounds: number
  max_factor: number
  skip_dirtied: boolean
  rate_control: boolean
  min_Mbps: number
  step_Mbps: number
  max_Mbps: number
  throttle: boolean
  then_pull: boolean
  /** Pages of zeros travel as their numbers. */
  zero: boolean
  /** Pages that are sent again travel as what changed in them. */
  delta: boolean
  compress: NonNullable<SavingsInput['compress']>
  verify_ram: boolean
  check: boolean
  probe_ms: number
  /** When the link is cut; null = never. */
  cut_in_stage: NonNullable<MigrateInput['cut_in_stage']> | null
}

/** The engine's own values, but for the link and the places. */
export const formFor = (to: string, choice: string, link: string): MigrateForm => ({
  to,
  choice,
  targets: { ...NO_TARGETS },
  first: 'pool',
  predict: false,
  link,
  threshold_pages: 50,
  max_rounds: 29,
  max_factor: 3,
  skip_dirtied: true,
  rate_control: false,
  min_Mbps: 100,
  step_Mbps: 50,
  max_Mbps: 500,
  throttle: false,
  then_pull: false,
  zero: true,
  delta: false,
  compress: 'auto',
  verify_ram: false,
  check: true,
  probe_ms: 5,
  cut_in_stage: null,
})

/** Which parameters of the rounds the choice can make use of. */
export function roundsOf(choice: string): 'all' | 'some' | 'none' {
  if (['pre-copy', RANDOM, AUTOMATIC].includes(choice)) return 'all'
  return choice === 'hybrid' ? 'some' : 'none'
}

/** Which targets the choice can make use of: rounds keep all of them, the others can only be sent more slowly. */
export function targetsFor(choice: string): readonly TargetField[] {
  return roundsOf(choice) === 'none' ? ['bandwidth_Mbps'] : ALL_TARGETS
}

/**
 * Targets that a migration under way still makes use of.
 * @param pulls whether the guest has switched over, and its pages follow: its downtime is over
 */
export function liveTargets(input: MigrateInput, pulls: boolean): readonly TargetField[] {
  const chosen = input.automatic === true ? undefined : input.algorithms
  const rounds = chosen === undefined || chosen.some((algorithm) => roundsOf(algorithm) !== 'none')
  return rounds && !pulls ? ALL_TARGETS : ['bandwidth_Mbps']
}

function preCopyOf(form: MigrateForm): NonNullable<MigrateInput['pre_copy']> {
  const { threshold_pages, max_rounds, max_factor, skip_dirtied, throttle } = form
  const rates = { min_bps: form.min_Mbps * 1e6, step_bps: form.step_Mbps * 1e6, max_bps: form.max_Mbps * 1e6 }
  const shared = {
    threshold_pages,
    max_factor,
    skip_dirtied,
    throttle,
    ...(form.rate_control ? { rate_control: rates } : {}),
  }
  return roundsOf(form.choice) === 'some' ? shared : { ...shared, max_rounds, then_pull: form.then_pull }
}

function algorithmOf({ choice, targets, first, predict }: MigrateForm, seed: number): Partial<MigrateInput> {
  const kept = targetsOf(targets, targetsFor(choice))
  if (choice === AUTOMATIC) return { automatic: true, ...kept, ...(first === 'pool' ? {} : { importance: [first] }) }
  const own = choice === RANDOM ? { random_algorithm: true, seed } : { algorithms: [choice] }
  return { ...own, ...kept, ...(predict ? { predict: true } : {}) }
}

/** @param seed of a random choice */
export function inputOf(form: MigrateForm, guest: string, seed: number): MigrateInput {
  const { to, link, zero, delta, compress, verify_ram, check, probe_ms, cut_in_stage } = form
  return {
    guest,
    to,
    ...algorithmOf(form, seed),
    link,
    savings: { zero, delta, compress },
    verify_ram,
    check,
    probe_ms,
    ...(cut_in_stage === null ? {} : { cut_in_stage }),
    ...(roundsOf(form.choice) === 'none' ? {} : { pre_copy: preCopyOf(form) }),
  }
}
