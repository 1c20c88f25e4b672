/** Plans for tests, and a lab that carries them out as a machine of its own. */
import * as v from 'valibot'
import { onTestFinished } from 'vitest'
import { type Plan, plan, PLAN_FORMAT, type PlanInput } from '../../../engine/contract/experiment-plan.ts'
import { LabService } from '../../../engine/lab/service.ts'
import type { MachineRecord } from '../../../engine/lab/store/experiment-records.ts'

export function planOf(input: Partial<PlanInput> = {}): Plan {
  return v.parse(plan, { format: PLAN_FORMAT, name: 'test', ...input })
}

/** Two conditions of the smallest guest, as quick as a real migration is. */
export function quickPlan(input: Partial<PlanInput> = {}): Plan {
  return planOf({
    repeats: 1,
    warm_up: 0,
    settle_ms: 0,
    base: { guest: 'labos', ram_MB: 16, probe_ms: 0 },
    factors: { algorithm: ['pre-copy', 'stop-and-copy'] },
    ...input,
  })
}

export const MACHINE: MachineRecord = {
  machine_id: 'm-000000000001',
  cpu_model: 'a processor',
  cores: 2,
  memory_B: 2 ** 33,
  platform: 'linux x64',
}

export function openLabAs(machine: MachineRecord, store = ':memory:'): LabService {
  const service = new LabService({ store, machine, standby: false })
  onTestFinished(() => service.close())
  return service
}
