import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { manifestCommandLine } from '../../images/guest.ts'
import { imagesDirectory, loadManifest, parseManifest, startCommand } from '../../images/manifest.ts'

const { images } = await loadManifest()

function image(name: string): (typeof images)[number] {
  const found = images.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(name)
  return found
}

function workload(imageName: string, name: string): (typeof images)[number]['workloads'][number] {
  const found = image(imageName).workloads.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(name)
  return found
}

describe('the manifest', () => {
  it('describes LabOS and Linux', () => {
    expect(images.map((entry) => [entry.name, entry.kind])).toEqual([
      ['labos', 'multiboot'],
      ['linux', 'linux'],
    ])
  })

  it.each([
    ['linux', 'CHECK ok files=30 dirty=off disk=off\r\n', 'CHECK failed files=30 bad=1 dirty=off disk=off\r\n'],
    ['labos', 'CHECK ok pages=9 sweeps=1 writes=2 errors=0\r\n', 'CHECK failed pages=9 errors=1 first=1000\r\n'],
  ])('tells a good self-check of %s from a bad one', (name, good, bad) => {
    const ok = new RegExp(image(name).selfCheck.ok)
    const failed = new RegExp(image(name).selfCheck.failed)
    expect([ok.test(good), failed.test(good), ok.test(bad), failed.test(bad)]).toEqual([true, false, false, true])
  })

  it.each(['labos', 'linux'])('reads a heartbeat of %s', (name) => {
    const match = new RegExp(image(name).heartbeat.line).exec('x HB 17 t=4711 gap=230\r\n')
    expect(match?.slice(1)).toEqual(['17', '4711', '230'])
  })

  it('fills a workload command with defaults and given values', () => {
    expect(startCommand(workload('linux', 'dirty'))).toBe('workload dirty 2000 8 random')
    expect(startCommand(workload('labos', 'dirty'), { rate: 50, pattern: 'seq' })).toBe('load 50 4M seq')
  })

  it.each([{ rate: -1 }, { rate: 1.5 }, { pattern: 'seq; reboot' }, { colour: 'red' }])(
    'refuses the workload parameters %o',
    (values: Record<string, string | number>) => {
      expect(() => startCommand(workload('linux', 'dirty'), values)).toThrow(RangeError)
    },
  )

  it('builds each guest the command line it understands', () => {
    const boot = { memoryMb: 64, address: '10.0.2.15/24', extra: 'hb=5' }
    expect(manifestCommandLine(image('labos'), boot)).toBe('ip=10.0.2.15 hb=5')
    expect(manifestCommandLine(image('linux'), boot)).toMatch(/ferry\.ip=10\.0\.2\.15\/24 hb=5$/)
  })

  it('is refused with the place of the mistake', async () => {
    const json = await readFile(join(imagesDirectory, 'manifest.json'), 'utf8')
    const broken = json.replace('"minimumMb": 8,', '"minimumMb": 900,')
    expect(() => parseManifest(broken)).toThrow(/images\.0\.memory/)
    expect(() => parseManifest('{')).toThrow(expect.objectContaining({ code: 'invalid' }))
    expect(() => parseManifest(json.replace('"labos"', '"linux"'))).toThrow(/twice/)
    expect(() => parseManifest(json.replace('{rate} {megabytes}M', '{speed}'))).toThrow(/parameters/)
  })
})
