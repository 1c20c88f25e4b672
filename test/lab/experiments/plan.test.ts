import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { plan } from '../../../engine/contract/experiment-plan.ts'
import type { HostKind } from '../../../engine/contract/report.ts'
import { meansHere, problemsOf } from '../../../engine/lab/experiments/check.ts'
import { conditionsOf } from '../../../engine/lab/experiments/expand.ts'
import { digestOf, parsePlan } from '../../../engine/lab/experiments/plan.ts'
import { READY_MADE } from '../../../engine/lab/experiments/ready-made.ts'
import { planOf } from './plans.ts'

const parse = (value: unknown) => parsePlan(JSON.stringify(value))

describe('a plan file', () => {
  it('is refused for what it misspells, with the place', () => {
    const good = { format: 'ferry.plan/1', name: 'x' }
    expect(parse(good).repeats).toBe(10)
    expect(() => parsePlan('{')).toThrow(/not JSON/)
    expect(() => parse({ ...good, format: 'ferry.plan/2' })).toThrow(/at format/)
    expect(() => parse({ ...good, factors: { algoritm: ['pre-copy'] } })).toThrow(/factors\.algoritm/)
    expect(() => parse({ ...good, factors: { ram_MB: [16, 16] } })).toThrow(/twice/)
    expect(() => parse({ ...good, factors: { ram_MB: [] } })).toThrow(/at least one level/)
    expect(() => parse({ ...good, repeats: 0 })).toThrow(/repeats/)
  })

  it('has a digest of what is measured alone: not of its layout, nor of its description', () => {
    const a = parsePlan('{"format":"ferry.plan/1","name":"x","base":{"ram_MB":16,"guest":"labos"}}')
    const b = parsePlan('{"base":{"guest":"labos","ram_MB":16},"description":"why","name":"x","format":"ferry.plan/1"}')
    expect(digestOf(a)).toBe(digestOf(b))
    expect(digestOf({ ...a, seed: 2 })).not.toBe(digestOf(a))
  })
})

describe('a plan that cannot be carried out', () => {
  it('is told so before anything starts, in one sentence a problem', async () => {
    const means = await meansHere()
    const problems = (input: Parameters<typeof planOf>[0]) => problemsOf(conditionsOf(planOf(input)), means).join('\n')
    expect(problems({ factors: { algorithm: ['pre-copy', 'teleport'], ram_MB: [16, 32] } })).toMatch(
      /^There is no algorithm "teleport"; [^\n]*$/,
    )
    expect(problems({ base: { guest: 'beos' } })).toMatch(/no guest "beos"/)
    expect(problems({ base: { link: 'fast' } })).toMatch(/"fast" is not a link/)
    expect(problems({ base: { workload: 'web' } })).toMatch(/no workload "web"/)
    expect(problems({ base: { guest: 'linux', ram_MB: 8 } })).toMatch(/needs at least/)
  })

  it('needs hosts that there are, and that can do what it asks of them', async () => {
    const { images } = await meansHere()
    const problems = (input: Parameters<typeof planOf>[0], lacking: [HostKind, string][] = []) =>
      problemsOf(conditionsOf(planOf(input)), { images, lacking: new Map(lacking) })
    const directions: Parameters<typeof planOf>[0] = { factors: { direction: ['xen-qemu', 'qemu-kvm', 'xen-kvm'] } }
    expect(problems(directions)).toEqual([])
    expect(problems(directions, [['qemu', 'There is no QEMU here.']])).toEqual(['There is no QEMU here.'])
    expect(problems({ base: { direction: 'qemu-kvm', algorithm: 'single-pass' } })).toEqual([
      expect.stringMatching(/^single-pass is not possible/),
    ])
    expect(problems({ base: { direction: 'qemu-xen', throttle: true } })).toEqual([])
  })
})

describe('the plans that come with Ferry', () => {
  it('are valid as files, and can be carried out', async () => {
    const means = await meansHere()
    for (const { id, plan: made } of READY_MADE) {
      expect(v.parse(plan, JSON.parse(JSON.stringify(made))), id).toEqual(made)
      expect(problemsOf(conditionsOf(made), means), id).toEqual([])
    }
    expect(new Set(READY_MADE.map(({ id }) => id)).size).toBe(READY_MADE.length)
  })
})
