/** The loads of the lab's main guest that linux.test.ts leaves out. */
import { describe } from 'vitest'
import { linuxGuest } from '../linux-image.ts'
import { crossesUnder } from './linux-loads.ts'

const linux = await linuxGuest()
const why = typeof linux === 'string' ? ` (skipped: ${linux})` : ''

describe.skipIf(typeof linux === 'string')(`Linux${why}`, () => {
  for (const workload of ['web', 'compile', 'disk']) crossesUnder(workload)
})
