/** The contract's methods on measurements of other stores. */
import type { MERGING_METHODS } from '../../contract/merging.ts'
import { FerryError } from '../../util/errors.ts'
import type { Handlers } from '../handlers.ts'
import type { Lab } from '../lab.ts'
import type { Runs } from '../runs.ts'
import type { Uploads } from '../uploads.ts'

export function mergingHandlers(lab: Lab, runs: Runs, uploads: Uploads): Handlers<keyof typeof MERGING_METHODS> {
  return {
    'merging.merge': async ({ upload, name }) => {
      const merged = await uploads.take(upload, (path) => {
        if (runs.all.length > 0) throw busy()
        return lab.store.merge(path, name)
      })
      lab.events.emit('runs.merged', merged)
      return merged
    },
  }
}

/** The store is written on the lab's own thread: nothing else would happen meanwhile. */
function busy(): FerryError {
  const message =
    'A migration is under way, which merging would disturb; it goes on, and nothing was merged. Wait for its end, or pause the experiment.'
  return new FerryError('merge.busy', message)
}
