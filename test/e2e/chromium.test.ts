/** The window in a real browser. */
import { describe } from 'vitest'
import { because } from '../setup/needs.ts'
import { inChromium, noChromium } from './in-chromium.ts'
import { steps } from './steps.ts'

const reason = noChromium()

describe.skipIf(reason !== undefined)(`the window in Chromium${because(reason)}`, () => steps(inChromium))
