import { expect, test } from 'vitest'
import { parseWorkload, workloadCommand } from '../../engine/lab/workload.ts'
import { loadManifest } from '../../images/manifest.ts'

const images = (await loadManifest()).images
const linux = images.find(({ name }) => name === 'linux')
const labos = images.find(({ name }) => name === 'labos')
if (linux === undefined || labos === undefined) throw new Error('the manifest lacks an image')

test('a workload is written the same way for every guest, and values keep their order', () => {
  expect(workloadCommand(linux, parseWorkload('dirty:2000'))).toBe('workload dirty 2000 8 random')
  expect(workloadCommand(linux, parseWorkload('dirty:500,16,hotcold'))).toBe('workload dirty 500 16 hotcold')
  expect(workloadCommand(labos, parseWorkload('dirty:2000'))).toBe('load 2000 4M random')
  expect(workloadCommand(labos, parseWorkload('idle'))).toBe('load off')
})

test('what a workload does not take is refused with how it is written', () => {
  expect(() => workloadCommand(linux, parseWorkload('dirty:fast'))).toThrow(/dirty:RATE,MEGABYTES,PATTERN/)
  expect(() => workloadCommand(linux, parseWorkload('dirty:1,2,seq,4'))).toThrow(/too many values/)
  expect(() => workloadCommand(linux, parseWorkload('dirty:1,2,diagonal'))).toThrow()
  expect(() => workloadCommand(labos, parseWorkload('compile'))).toThrow(/It has: idle, dirty, disk/)
})
