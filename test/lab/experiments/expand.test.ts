import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { condition, type Factor, FACTORS, type Plan } from '../../../engine/contract/experiment-plan.ts'
import { conditionsOf, trialsOf } from '../../../engine/lab/experiments/expand.ts'
import { migrateInput } from '../../../engine/lab/experiments/trial.ts'
import { planOf } from './plans.ts'

const plans: fc.Arbitrary<Plan> = fc
  .record({
    seed: fc.nat(),
    repeats: fc.integer({ min: 1, max: 8 }),
    warm_up: fc.integer({ min: 0, max: 2 }),
    algorithm: fc.uniqueArray(fc.constantFrom('pre-copy', 'stop-and-copy', 'pull-copy', 'hybrid'), { minLength: 1 }),
    ram_MB: fc.uniqueArray(fc.constantFrom(16, 32, 64), { minLength: 1 }),
  })
  .map(({ algorithm, ram_MB, ...rest }) => planOf({ ...rest, factors: { algorithm, ram_MB } }))

const ids = (trials: readonly { trial: number }[]): number[] => trials.map(({ trial }) => trial)

describe('the trials of a plan', () => {
  it('have every condition once in every block, whatever the order', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const conditions = conditionsOf(plan)
        const trials = trialsOf(plan)
        expect(ids(trials)).toEqual(trials.map((_, i) => i))
        for (let block = 0; block < plan.repeats + plan.warm_up; block++) {
          const held = trials.slice(block * conditions.length, (block + 1) * conditions.length)
          expect(held.map(({ condition }) => condition).sort()).toEqual(conditions.map((_, i) => i).sort())
          expect(new Set(held.map(({ repeat, warm_up, seed }) => `${repeat} ${warm_up} ${seed}`)).size).toBe(1)
        }
      }),
    )
  })

  it('are all in exactly one shard, each of which has every condition; warm-up is in all of them', () => {
    fc.assert(
      fc.property(plans, fc.nat(), (plan, chosen) => {
        const count = 1 + (chosen % plan.repeats)
        const shards = Array.from({ length: count }, (_, i) => trialsOf(plan, { index: i + 1, count }))
        const measured = shards.flatMap((trials) => trials.filter(({ warm_up }) => !warm_up))
        const all = trialsOf(plan)
        expect(ids(measured).sort((a, b) => a - b)).toEqual(ids(all.filter(({ warm_up }) => !warm_up)))
        for (const trials of shards) {
          expect(ids(trials.filter(({ warm_up }) => warm_up))).toEqual(ids(all.filter(({ warm_up }) => warm_up)))
          expect(new Set(trials.map(({ condition }) => condition)).size).toBe(conditionsOf(plan).length)
        }
      }),
    )
  })

  it('come in the order that the seed draws: the same again, another with another seed', () => {
    const plan = planOf({ factors: { ram_MB: [16, 24, 32, 48, 64, 96] } })
    expect(trialsOf(plan)).toEqual(trialsOf(planOf({ factors: { ram_MB: [16, 24, 32, 48, 64, 96] } })))
    expect(trialsOf({ ...plan, seed: 2 }).map(({ condition }) => condition)).not.toEqual(
      trialsOf(plan).map(({ condition }) => condition),
    )
  })

  it('refuse a shard that would have no block, or is none', () => {
    const plan = planOf({ repeats: 3 })
    for (const shard of [
      { index: 1, count: 4 },
      { index: 3, count: 2 },
      { index: 0, count: 1 },
    ]) {
      expect(() => trialsOf(plan, shard)).toThrow(/no shard/)
    }
  })
})

describe('the conditions of a plan', () => {
  it('are all combinations but those that are left out', () => {
    const plan = planOf({
      factors: { algorithm: ['pre-copy', 'pull-copy'], ram_MB: [16, 32] },
      except: [{ algorithm: 'pull-copy', ram_MB: 32 }, {}],
    })
    expect(conditionsOf(plan).map(({ algorithm, ram_MB }) => `${algorithm} ${ram_MB}`)).toEqual([
      'pre-copy 16',
      'pre-copy 32',
      'pull-copy 16',
    ])
  })

  it('refuse plans of too many, of none, and of a factor that is given twice', () => {
    const many = Array.from({ length: 30 }, (_, i) => 16 + i)
    expect(() => conditionsOf(planOf({ factors: { ram_MB: many, disk_MB: many } }))).toThrow(/900 combinations/)
    expect(() => conditionsOf(planOf({ except: [{ guest: 'labos' }] }))).toThrow(/leaves all/)
    expect(() => conditionsOf(planOf({ base: { ram_MB: 16 }, factors: { ram_MB: [32] } }))).toThrow(/ram_MB in "base"/)
  })
})

describe('the migration of a condition', () => {
  /** These make hosts and guest; all others are the migration's. */
  const GUEST: readonly Factor[] = ['direction', 'guest', 'ram_MB', 'workload', 'heartbeat_ms', 'disk_MB']
  const OTHER: Partial<Record<Factor, unknown>> = { algorithm: 'hybrid', link: '1G', compress: 'off' }

  it('is another one with another level of each of its factors', () => {
    const plain = v.parse(condition, {})
    const made = JSON.stringify(migrateInput(plain, 'g1', 'kvm', 1))
    for (const factor of FACTORS.filter((name) => !GUEST.includes(name))) {
      const level = OTHER[factor] ?? (typeof plain[factor] === 'boolean' ? !plain[factor] : 7)
      const other = v.parse(condition, { [factor]: level })
      expect(JSON.stringify(migrateInput(other, 'g1', 'kvm', 1)), factor).not.toBe(made)
    }
  })
})
