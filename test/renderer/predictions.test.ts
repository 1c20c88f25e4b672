/** The Migrate dialog's input for the lab, and predictions in words. */
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { migrateInput } from '../../engine/contract/lab.ts'
import type { RunPrediction } from '../../engine/contract/prediction.ts'
import { foretold, verdictOf } from '../../renderer/src/state/predictions.ts'
import { changesOf, fieldsOf, targetsOf, targetsText } from '../../renderer/src/state/targets.ts'
import { AUTOMATIC, formFor, inputOf, liveTargets, RANDOM } from '../../renderer/src/views/lab/migrate-form.ts'
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
    expect(inputOf(form('pre-copy'), 'g1', 7).savings).toEqual({ zero: true, delta: false, compress: 'auto' })
    const chosen = { ...form('hybrid'), delta: true, compress: 'zstd' as const }
    expect(inputOf(chosen, 'g1', 7).savings).toEqual({ zero: true, delta: true, compress: 'zstd' })
  })
  it('keeps the targets that the choice makes use of, and no others', () => {
    const targets = { downtime_ms: 50, total_s: 2, bandwidth_Mbps: 100, slowdown_percent: 25 }
    const asked = (choice: string) => {
      const { max_downtime_ms, max_total_ms, max_bandwidth_bps, max_slowdown } = inputOf(
        { ...form(choice), targets },
        'g1',
        7,
      )
      return [max_downtime_ms, max_total_ms, max_bandwidth_bps, max_slowdown]
    }
    for (const choice of ['pre-copy', 'hybrid', RANDOM, AUTOMATIC])
      expect(asked(choice), choice).toEqual([50, 2000, 100e6, 0.25])
    expect(asked('stop-and-copy')).toEqual([undefined, undefined, 100e6, undefined])
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

describe('targets on the way', () => {
  const fields = { downtime_ms: 50, total_s: null, bandwidth_Mbps: null, slowdown_percent: 7 }
  it('are in the fields as they are in force, and come back the same', () => {
    const inForce = { max_downtime_ms: 12.5, max_total_ms: 60_000, max_bandwidth_bps: 15e6, max_slowdown: 0.07 }
    const shown = { downtime_ms: 12.5, total_s: 60, bandwidth_Mbps: 15, slowdown_percent: 7 }
    expect(fieldsOf(inForce)).toEqual(shown)
    const back = targetsOf(shown)
    for (const [name, value] of Object.entries(inForce))
      expect(back[name as keyof typeof back], name).toBeCloseTo(value, 9)
    expect(fieldsOf({ max_downtime_ms: undefined }).downtime_ms).toBeNull()
  })
  it('that were emptied are no targets any more; those not shown stay as they are', () => {
    expect(changesOf(fields, ['downtime_ms', 'bandwidth_Mbps'])).toEqual({
      max_downtime_ms: 50,
      max_bandwidth_bps: null,
    })
  })
  it('are those of which the run still makes use', () => {
    const all = ['downtime_ms', 'total_s', 'bandwidth_Mbps', 'slowdown_percent']
    const input = (choice: string) => inputOf(form(choice), 'g1', 7)
    for (const choice of ['pre-copy', 'hybrid', RANDOM, AUTOMATIC])
      expect(liveTargets(input(choice), false), choice).toEqual(all)
    expect(liveTargets(input('stop-and-copy'), false)).toEqual(['bandwidth_Mbps'])
    // It has switched over: no downtime is to come.
    expect(liveTargets(input('hybrid'), true)).toEqual(['bandwidth_Mbps'])
  })
  it('are read in the units of the fields', () => {
    expect(targetsText({})).toBe('none')
    expect(targetsText({ max_downtime_ms: 300, max_bandwidth_bps: 15e6, max_slowdown: 0.07 })).toBe(
      'downtime 300 ms, bandwidth 15 Mbit/s, slow-down 7 %',
    )
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
