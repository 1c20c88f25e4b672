/** The window in a real browser. */
import { describe } from 'vitest'
import { inChromium, noChromium } from './in-chromium.ts'
import { steps } from './steps.ts'

const because = noChromium === undefined ? '' : ` (left out: ${noChromium})`

describe.skipIf(noChromium !== undefined)(`the window in Chromium${because}`, () => steps(inChromium))
