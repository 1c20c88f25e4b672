/** The Migrate dialog's input for the lab, and predictions in words. */
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { migrateInput } from '../../engine/contract/lab.ts'
import type { RunPrediction } from '../../engine/contract/prediction.ts'
import { foretold, verdictOf } from '../../renderer/src/state/predictions.ts'
import { AUTOMATIC, formFor, inputOf, RANDOM, targetsOf } from '../../renderer/src/views/lab/migrate-form.ts'
import { brokenReport, sampleReport } from '../lab/store/samples.ts'
import { noneFits } from './stand-in-lab.ts'

const form = (choice: string) => formFor('kvm', choice, '1G')

describe('what the dialog asks for', () => {
  it.each(['pre-copy', 'stop-and-copy', 'pull-copy', 'hybrid', 'single-pass', RANDOM, AUTOMATIC])(
    'is an input of the contract: %s',
    (choice) => {
      const all = { ...form(choice), rate_control: true, throttle: true, then_pull: true, predict: true }
      expect(v.safeParse(migrateInput, inputOf(all, 'g1', 7)).success).toBe(true)
    },
  )
  it('has targets in the contract’s units, and none where a field is empty', () => {
    const fields = { downtime_ms: 50, total_s: 2, bandwidth_Mbps: 100, slowdown_percent: 25 }
    expect(targetsOf(fields)).toEqual({
      max_downtime_ms: 50,
      max_total_ms: 2000,
      max_bandwidth_bps: 100e6,
      max_slowdown: 0.25,
    })
    expect(targetsOf({ downtime_ms: null, total_s: undefined, bandwidth_Mbps: null, slowdown_percent: 0 })).toEqual({
      max_slowdown: 0,
    })
  })
  it('has the savings as they were chosen', () => {
    expect(inputOf(form('pre-copy'), 'g1', 7).savings).toEqual({ delta: false, compress: 'auto' })
    const chosen = { ...form('hybrid'), delta: true, compress: 'zstd' as const }
    expect(inputOf(chosen, 'g1', 7).savings).toEqual({ delta: true, compress: 'zstd' })
  })
  it('names no algorithm where the lab is to choose', () => {
    const input = inputOf({ ...form(AUTOMATIC), first: 'bytes' }, 'g1', 7)
    expect(input).toMatchObject({ automatic: true, importance: ['bytes'] })
    expect(input.algorithms).toBeUndefined()
  })
  it('has only the parameters that the algorithm uses', () => {
    expect(inputOf(form('pull-copy'), 'g1', 7).pre_copy).toBeUndefined()
    const hybrid = inputOf({ ...form('hybrid'), then_pull: true }, 'g1', 7).pre_copy
    expect(hybrid).not.toHaveProperty('max_rounds')
    expect(hybrid).not.toHaveProperty('then_pull')
    const bounds = { ...form('pre-copy'), rate_control: true, min_Mbps: 10, step_Mbps: 5, max_Mbps: 80 }
    expect(inputOf(bounds, 'g1', 7).pre_copy?.rate_control).toEqual({ min_bps: 10e6, step_bps: 5e6, max_bps: 80e6 })
    expect(inputOf(form('pre-copy'), 'g1', 7).pre_copy).not.toHaveProperty('rate_control')
  })
})

const prediction: RunPrediction = {
  algorithm: 'pre-copy',
  downtime_ms: 10,
  total_ms: 2000,
  bytes_B: 80_000_000,
  slowdown: 0,
  formula: { downtime: 'a', total: 'b', bytes: 'c', slowdown: 'd' },
  targets: {},
}

describe('predictions', () => {
  it('are told apart by the targets, not by their place', () => {
    const table = noneFits()
    expect(table.predictions.map((one) => verdictOf(one, table.chosen))).toEqual(['misses', 'misses', 'misses'])
    const kept = table.predictions.map((one) => ({ ...one, misses: [] }))
    expect(kept.map((one) => verdictOf(one, 'pull-copy'))).toEqual(['keeps', 'keeps', 'chosen'])
  })
  it('stand beside what was measured, with how far they were off', () => {
    const report = sampleReport(0, { downtime_ms: 25, total_ms: 1000, bytes_sent_B: 80_000_000 })
    expect(foretold(prediction, report).map(({ name, difference }) => [name, difference])).toEqual([
      ['Downtime', '+150 %'],
      ['Total', '−50 %'],
      ['Sent', '±0 %'],
      // Nothing was predicted to divide by.
      ['Slow-down', ''],
    ])
  })
  it('are not compared with what was not measured', () => {
    const [downtime] = foretold(prediction, brokenReport(0, 'failed'))
    expect(downtime).toMatchObject({ actual: '–', difference: '' })
  })
})
