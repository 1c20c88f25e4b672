/** Measurements of other stores, which a front end hands over (`uploads.piece`). */
import * as v from 'valibot'
import { uploadFile, uploadName } from './uploads.ts'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))

export const mergedView = v.object({
  /** New ones, and those that were here already. */
  runs: count,
  runs_known: count,
  experiments: count,
  experiments_known: count,
})
export type MergedView = v.InferOutput<typeof mergedView>

export const MERGING_METHODS = {
  /**
   * Takes the runs and experiments of the file that was handed over, and forgets the file, whatever comes of it. All of
   * them or, where something is in the way (`store.*`, `merge.*`), nothing.
   */
  'merging.merge': {
    input: v.object({ upload: uploadName, name: uploadFile }),
    output: mergedView,
  },
} as const

export const MERGING_EVENTS = {
  /** Runs and experiments of another store have come: lists are to be read anew. */
  'runs.merged': mergedView,
} as const
