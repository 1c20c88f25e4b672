/** What tests need is installed where it may be; elsewhere it is said what was left out, and what would install it. */
import { describe, expect, test } from 'vitest'
import { plan } from './install.ts'
import { isUbuntu, lacks, type Need, NEEDS } from './needs.ts'

const SYSTEM = { root: true, apt: true, ubuntu: false, offline: false }
const missing = [NEEDS.xvfb, NEEDS.chromium]

describe('what is missing', () => {
  test('is installed as root on Debian', () => {
    expect(plan(missing, SYSTEM)).toEqual({ install: missing, advice: [] })
  })
  test.each([
    ['not root', { root: false }, /only root may/, /^As root, this installs/],
    ['offline', { offline: true }, /offline/, /^As root, this installs/],
    ['another system', { apt: false, root: false }, /no apt-get/, /^On Debian, root would install/],
  ])('is named with the exact command elsewhere: %s', (_, system, why, how) => {
    const { install, advice } = plan(missing, { ...SYSTEM, ...system })
    expect(install).toEqual([])
    expect(advice[0]).toMatch(/^Left out: the tests that open windows .*, use the window in a browser: /)
    expect(advice[0]).toMatch(why)
    expect(advice[1]).toMatch(how)
    expect(advice[1]).toMatch(/apt-get update && apt-get install -y --no-install-recommends xvfb chromium$/)
  })
  test('is not looked for as a snap', () => {
    const { install, advice } = plan(missing, { ...SYSTEM, ubuntu: isUbuntu('NAME="Ubuntu"\nID=ubuntu\n') })
    expect(install).toEqual([NEEDS.xvfb])
    expect(advice).toEqual([expect.stringContaining('FERRY_CHROMIUM')])
  })
  test('is in the titles of what is left out, by its package', () => {
    const gone: Need = { packages: ['new-name|old-name', 'other'], use: 'try', here: () => false }
    expect(lacks(gone)).toBe('missing: old-name other')
    expect(lacks({ ...gone, here: () => true })).toBeUndefined()
  })
})

test('nothing missing, nothing said', () => {
  expect(plan([], { ...SYSTEM, root: false })).toEqual({ install: [], advice: [] })
})
