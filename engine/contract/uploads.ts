/** Files that a front end hands over piece by piece: a page has no paths. What takes one names it by its `upload`. */
import * as v from 'valibot'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))

/** Names a file while it is handed over; the front end's choice. */
export const uploadName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9-]{8,64}$/, 'an upload is named by letters and digits'),
)
/** What messages call the file. */
export const uploadFile = v.pipe(v.string(), v.minLength(1), v.maxLength(255))

/** Of a file; larger ones are for the `ferry` command, which reads them where they are. */
export const MOST_UPLOAD_BYTES = 512 << 20
/** Of a piece, before it is base64: a request has at most 1 MiB. */
export const MOST_PIECE_BYTES = 384 << 10

export const UPLOAD_METHODS = {
  /** The next bytes of a file, whose first `offset` bytes were handed over. Nothing of the lab changes. */
  'uploads.piece': {
    input: v.object({
      upload: uploadName,
      offset: v.pipe(count, v.maxValue(MOST_UPLOAD_BYTES)),
      data: v.pipe(v.string(), v.maxLength(Math.ceil(MOST_PIECE_BYTES / 3) * 4), v.base64()),
    }),
    output: v.undefined(),
  },
} as const
