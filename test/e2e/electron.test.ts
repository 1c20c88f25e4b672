/** The window in the app. */
import { describe } from 'vitest'
import { here } from '../electron/app.ts'
import { inElectron } from './in-electron.ts'
import { steps } from './steps.ts'

const place = await here()

describe.skipIf(place.reason !== undefined)(`the window in Electron${place.because}`, () =>
  steps(async () => inElectron(await place.setting())),
)
