/** Measurements of other stores, which a front end hands over piece by piece: a page has no paths. */
import * as v from 'valibot'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
/** Names a file while it is handed over; the front end's choice. */
const upload = v.pipe(v.string(), v.regex(/^[A-Za-z0-9-]{8,64}$/, 'an upload is named by letters and digits'))

/** Of a file; larger stores are for `ferry runs merge`. */
export const MOST_STORE_BYTES = 512 << 20
/** Of a piece, before it is base64: a request has at most 1 MiB. */
export const MOST_PIECE_BYTES = 384 << 10

export const mergedView = v.object({
  /** New ones, and those that were here already. */
  runs: count,
  runs_known: count,
  experiments: count,
  experiments_known: count,
})
export type MergedView = v.InferOutput<typeof mergedView>

export const MERGING_METHODS = {
  /** The next bytes of a file, whose first `offset` bytes were handed over. Nothing of the lab changes. */
  'merging.piece': {
    input: v.object({
      upload,
      offset: v.pipe(count, v.maxValue(MOST_STORE_BYTES)),
      data: v.pipe(v.string(), v.maxLength(Math.ceil(MOST_PIECE_BYTES / 3) * 4), v.base64()),
    }),
    output: v.undefined(),
  },
  /**
   * Takes the runs and experiments of the file that was handed over, and forgets the file, whatever comes of it. All of
   * them or, where something is in the way (`store.*`, `merge.*`), nothing.
   */
  'merging.merge': {
    /** `name` is what messages call the file. */
    input: v.object({ upload, name: v.pipe(v.string(), v.minLength(1), v.maxLength(255)) }),
    output: mergedView,
  },
} as const

export const MERGING_EVENTS = {
  /** Runs and experiments of another store have come: lists are to be read anew. */
  'runs.merged': mergedView,
} as const
