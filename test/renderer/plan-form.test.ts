import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { condition, FACTORS, plan } from '../../engine/contract/experiment-plan.ts'
import { conditionsOf } from '../../engine/lab/experiments/expand.ts'
import { digestOf } from '../../engine/lab/experiments/plan.ts'
import { READY_MADE } from '../../engine/lab/experiments/ready-made.ts'
import { formOf, planOf, SWITCHES, toggled } from '../../renderer/src/views/experiments/plan-form.ts'

describe('the form of a plan', () => {
  it('gives back the plan that it was filled from', () => {
    for (const { plan: made } of READY_MADE) {
      const back = v.parse(plan, planOf(formOf(made)))
      expect(digestOf(back), made.name).toBe(digestOf(made))
    }
  })

  it('takes one level as what all conditions have, several as a factor, and knows yes, no and default', () => {
    const form = formOf(v.parse(plan, { format: 'ferry.plan/1', name: 'x' }))
    Object.assign(form.levels, { ram_MB: '16 32', link: '1G', delta: 'off on', max_rounds: 'default 5' })
    const made = v.parse(plan, planOf(form))
    expect(made.base).toEqual({ link: '1G' })
    expect(made.factors).toEqual({ ram_MB: [16, 32], delta: [false, true], max_rounds: [null, 5] })
    expect(conditionsOf(made)).toHaveLength(8)
  })

  it('has a switch for each factor that is yes or no', () => {
    const plain = v.parse(condition, {})
    expect([...SWITCHES].sort()).toEqual(FACTORS.filter((factor) => typeof plain[factor] === 'boolean').sort())
  })

  it('leaves what is no level to the check, which names its place', () => {
    const form = formOf(v.parse(plan, { format: 'ferry.plan/1', name: 'x' }))
    form.levels.ram_MB = '16 many'
    const found = v.safeParse(plan, planOf(form))
    expect(found.issues?.map((issue) => v.getDotPath(issue))).toEqual(['factors.ram_MB.1'])
  })

  it('keeps levels in the order of the choices, and those that are none', () => {
    expect(toggled('b', 'a', ['a', 'b'])).toBe('a b')
    expect(toggled('a b', 'a', ['a', 'b'])).toBe('b')
    expect(toggled('own', 'a', ['a', 'b'])).toBe('a own')
  })
})
