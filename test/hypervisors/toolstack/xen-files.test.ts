/** The files of a Xen-like host: what users write into them is read as xend and xm would read it, and errors have a line. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { domainConfig, parseDomainConfig } from '../../../engine/hypervisors/xen/toolstack/domain-config.ts'
import { parseSxp, quoteSxp } from '../../../engine/hypervisors/xen/toolstack/sxp.ts'
import {
  parseXendConfig,
  XEND_CONFIG,
  xendConfig,
  xendConfigAsInstalled,
} from '../../../engine/hypervisors/xen/toolstack/xend-config.ts'
import { FerryError } from '../../../engine/util/errors.ts'

const OPEN = { enabled: true, port: 8002, address: '', hostsAllow: [] }

function errorOf(read: () => unknown): { code: string; line: unknown } {
  try {
    read()
  } catch (thrown) {
    const { code, data } = FerryError.from(thrown)
    return { code, line: data['line'] }
  }
  return { code: 'none', line: null }
}

describe('xend-config.sxp', () => {
  test('as installed it takes no guests; without the # of the four lines it takes all', () => {
    const installed = xendConfigAsInstalled()
    const marked = installed.split('\n').filter((line) => line.startsWith('#(xend-relocation-'))
    expect(marked).toHaveLength(4)
    expect(parseXendConfig(installed)).toEqual({ ...OPEN, enabled: false })
    expect(parseXendConfig(installed.replaceAll('#(xend-relocation-', '(xend-relocation-'))).toEqual(OPEN)
  })

  test('whatever rules a host has, its file says them', () => {
    const word = fc.stringMatching(/^[\w.\\^$*-]{1,12}$/).filter((text) => {
      try {
        return new RegExp(text) instanceof RegExp
      } catch {
        return false
      }
    })
    const rules = fc.record({
      enabled: fc.boolean(),
      port: fc.integer({ min: 1, max: 65535 }),
      address: fc.constantFrom('', 'localhost', "it's"),
      hostsAllow: fc.array(word, { maxLength: 4 }),
    })
    fc.assert(
      fc.property(rules, (wanted) => {
        expect(parseXendConfig(xendConfig(wanted))).toEqual(wanted)
      }),
    )
  })

  test('errors name the line', () => {
    const line = (text: string) => errorOf(() => parseXendConfig(text)).line
    expect(line('(a b)\n\n(xend-relocation-port eight)')).toBe(3)
    expect(line('(a b)\n(xend-relocation-port 8002\n')).toBe(2)
    expect(line('# )\n)')).toBe(2)
    expect(line("(a b)\n(c 'd)\n")).toBe(2)
    expect(line('(xend-relocation-server maybe)')).toBe(1)
    expect(line("\n(xend-relocation-hosts-allow '^(')")).toBe(2)
    expect(line('xend-relocation-server yes')).toBe(1)
  })

  test('no text makes the reader fail otherwise than by saying where', () => {
    const piece = fc.constantFrom('(', ')', "'", '"', '#', '\n', ' ', '\\', 'xend-relocation-port', '8002', 'x')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        expect(['none', 'config.syntax']).toContain(errorOf(() => parseXendConfig(pieces.join(''))).code)
      }),
    )
  })

  test('a quoted string is read as itself', () => {
    const text = fc.string().filter((s) => !s.includes('\n'))
    fc.assert(
      fc.property(text, (s) => {
        expect(parseSxp(`(x ${quoteSxp(s)})`, XEND_CONFIG)[0].values).toEqual([s])
      }),
    )
  })
})

describe('a domain’s .cfg', () => {
  test('gives the domain its kernel, memory, disk and workload', () => {
    const text = domainConfig({ name: 'web', kernel: '/boot/labos', memoryMb: 32, disk: '/dev/vg_xen/web' })
    expect(parseDomainConfig(text, '/etc/xen/web.cfg')).toEqual({
      name: 'web',
      kernel: '/boot/labos',
      memoryMb: 32,
      disks: [{ source: '/dev/vg_xen/web', device: 'xvda', writable: true }],
      workload: 'idle',
      heartbeatMs: 0,
      misspelt: [],
    })
  })

  test('the disks of the paper are read, over several lines too; its capital D is told of', () => {
    const disks = "[ 'phy:/dev/disk-1/debian-base-xen,sda1,w',\n  'phy:/dev/disk-1/debian-base-xen-swap,sda2,w' ]"
    const read = (name: string) => parseDomainConfig(`kernel = '/boot/linux'\n${name}=${disks}\n`, '/etc/xen/d.cfg')
    expect(read('disk').disks.map(({ device }) => device)).toEqual(['sda1', 'sda2'])
    expect(read('disk').name).toBe('d')
    expect(read('Disk')).toMatchObject({ disks: [], misspelt: ['Disk'] })
  })

  test('errors name the line', () => {
    const line = (text: string) => errorOf(() => parseDomainConfig(text, '/x.cfg')).line
    expect(line('kernel = "/boot/labos"\nmemory 16')).toBe(2)
    expect(line('kernel = "/boot/labos"\n\nname = "a\n')).toBe(3)
    expect(line('kernel = "/boot/labos"\ndisk = [ "phy:/dev/x" ]')).toBe(2)
    expect(line('kernel = "/boot/labos"\nvcpus = 2')).toBe(2)
    expect(line('kernel = "/boot/labos"\nmemory = [\n16')).toBe(3)
    expect(line('memory = 1 2')).toBe(1)
    expect(errorOf(() => parseDomainConfig('memory = 16', '/x.cfg')).code).toBe('config.domain')
  })
})
