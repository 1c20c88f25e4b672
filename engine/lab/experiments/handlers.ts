/** The contract's methods on experiments. */
import type { EXPERIMENTS_METHODS } from '../../contract/experiments.ts'
import type { Handlers } from '../handlers.ts'
import type { Lab } from '../lab.ts'
import { exportArchive, metaFor, readArchive } from './archive.ts'
import { checkPlan } from './check.ts'
import type { Experiments } from './experiments.ts'
import { READY_MADE } from './ready-made.ts'

export function experimentHandlers(lab: Lab, experiments: Experiments): Handlers<keyof typeof EXPERIMENTS_METHODS> {
  return {
    'experiments.plans': () => [...READY_MADE],
    'experiments.check': ({ plan, shard }) => checkPlan(lab, plan, shard),
    'experiments.start': ({ plan, shard }) => experiments.start(plan, shard),
    'experiments.list': () => experiments.list(),
    'experiments.get': ({ experiment_id }) => experiments.get(experiment_id),
    'experiments.pause': ({ experiment_id }) => experiments.pause(experiment_id),
    'experiments.resume': ({ experiment_id }) => experiments.resume(experiment_id),
    'experiments.cancel': ({ experiment_id }) => experiments.cancel(experiment_id),
    'experiments.wait': ({ experiment_id }) => experiments.wait(experiment_id),
    'experiments.remove': ({ experiment_id }) => {
      experiments.remove(experiment_id)
      return undefined
    },
    'experiments.results': ({ experiments: ids, pool_machines }) => readArchive(lab.store, ids, pool_machines).results,
    'experiments.export': ({ experiments: ids, pool_machines, what, file }) =>
      exportArchive(lab.store, readArchive(lab.store, ids, pool_machines), what, file),
    'experiments.meta': ({ experiments: ids, pool_machines, file, what }) => {
      const { results } = readArchive(lab.store, ids, pool_machines)
      return { meta: metaFor(results, { file, what, content: null, rows: null }) }
    },
  }
}
