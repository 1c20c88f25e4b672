/** What names hosts and guests. */
import * as v from 'valibot'

/** The user's: a host's, or a guest's. */
export const name = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'a name has 1 to 32 of a-z, 0-9 and -'))
/** The lab's. */
export const guestId = v.pipe(v.string(), v.minLength(1), v.maxLength(64))
