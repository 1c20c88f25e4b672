/** Files that the lab makes for a front end which has no paths, and which it then fetches piece by piece. */
import * as v from 'valibot'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))

/** Names a file while it is fetched; the front end's choice. */
export const downloadName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9-]{8,64}$/, 'a download is named by letters and digits'),
)

/** Of a file; larger ones are for the `ferry` command, which writes them where they are wanted. */
export const MOST_DOWNLOAD_BYTES = 256 << 20

export const DOWNLOAD_METHODS = {
  /** The bytes from `offset` on, in base64. Nothing of the lab changes. The file is forgotten with its last piece. */
  'downloads.piece': {
    input: v.object({ download: downloadName, offset: count }),
    output: v.object({ data: v.string(), size_B: count }),
  },
} as const
