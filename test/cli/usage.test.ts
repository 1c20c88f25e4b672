import { writeFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { Sandbox } from './command.ts'

const sandbox = new Sandbox()
afterAll(() => sandbox.remove())

describe('the command line', () => {
  it('explains itself, and each command, with exit code 0', async () => {
    const commands = [
      'demo',
      'migrate',
      'experiment',
      'calc-dirty-rate',
      'run',
      'serve',
      'runs',
      'hosts',
      'guests',
      'images',
      'guide',
      'layouts',
      'verify-stream',
    ]
    const [all, ...each] = await Promise.all(
      [[], ...commands.map((name) => [name])].map((name) => sandbox.ferry(...name, '--help')),
    )
    expect(all.code).toBe(0)
    for (const [i, name] of commands.entries()) {
      expect(all.stdout).toContain(name)
      expect(each[i].code, name).toBe(0)
      expect(each[i].stdout, name).toContain(`Usage: ferry ${name}`)
      expect(each[i].stdout, name).toMatch(/Exit codes/)
      expect(each[i].stdout, name).toMatch(/Examples?:\n/)
    }
  })

  const wrong: [what: string, args: string[], says: RegExp][] = [
    ['an unknown command', ['migrat'], /Did you mean migrate/],
    ['an unknown option', ['migrate', '--lnik', '1G'], /Did you mean --link[\s\S]*ferry migrate --help/],
    ['a bad link', ['migrate', '--guest', 'labos', '--link', 'fast'], /"fast" is not a link/],
    ['a bad algorithm', ['migrate', '--algorithm', 'teleport'], /pre-copy, stop-and-copy, .*random/],
    ['a target without its unit', ['migrate', '--max-downtime', '10'], /with its unit/],
    ['a share above the whole', ['migrate', '--max-slowdown', '130%'], /share/],
    ['an importance that is none', ['migrate', '--importance', 'speed'], /downtime, total, bytes, slowdown/],
    ['too long a measurement', ['calc-dirty-rate', '--seconds', '60'], /0\.1 to 5/],
    ['a bad host', ['migrate', '--to', 'vmware'], /xen, kvm/],
    ['a bad guest', ['migrate', '--guest', 'beos'], /no guest "beos".*linux, labos/],
    ['a bad workload', ['migrate', '--guest', 'labos', '--workload', 'sleep'], /no workload "sleep".*idle, dirty/],
    ['a bad value of a workload', ['migrate', '--guest', 'labos', '--workload', 'dirty:fast'], /dirty:RATE/],
    ['too little RAM', ['migrate', '--guest', 'labos', '--ram', '4'], /8 to 1024/],
    ['no number of repeats', ['migrate', '--repeat', '1.5'], /whole number/],
    ['a probe out of range', ['migrate', '--probe', '50'], /from 1 to 10/],
    ['an unknown record', ['layouts', 'kvm_reg'], /kvm_regs/],
    ['a date that is none', ['runs', '--since', 'yesterday'], /not a date/],
    ['a plan that is not there', ['experiment', 'none.json'], /none\.json cannot be read/],
    ['a plan that is no JSON', ['experiment', 'text.txt'], /not JSON/],
    ['a shard that is none', ['experiment', 'text.txt', '--shard', '2'], /2\/8/],
    ['a kernel that is none', ['images', 'add', 'mine', '--kernel', 'text.txt'], /neither a bzImage nor/],
  ]
  it.each(wrong)('refuses %s with exit code 2 and a hint, and nothing on stdout', async (_, args, says) => {
    writeFileSync(sandbox.path('text.txt'), 'no kernel')
    const result = await sandbox.ferry(...args)
    expect(result.code, result.stderr).toBe(2)
    expect(result.stderr).toMatch(says)
    expect(result.stderr).not.toMatch(/^\s+at /m)
    expect(result.stdout).toBe('')
  })

  it('tells an error in a paragraph, and its causes with --debug', async () => {
    const args = ['migrate', '--guest', 'labos', '--ram', '16', '--store', sandbox.path('absent/runs.sqlite')]
    const plain = await sandbox.ferry(...args)
    expect(plain.code).toBe(1)
    expect(plain.stderr).toMatch(/^ferry: .*cannot be opened.*--store/m)
    expect(plain.stderr).not.toContain('caused by')
    expect((await sandbox.ferry(...args, '--debug')).stderr).toContain('caused by')
  })
})

describe('ferry layouts', () => {
  it('prints every native record with fields inside its bytes, as JSON', async () => {
    const result = await sandbox.ferry('layouts', '--json')
    expect(result.code).toBe(0)
    const layouts = JSON.parse(result.stdout) as {
      record: string
      bytes: number
      fields: { name: string; offset: number; bytes: number }[]
    }[]
    expect(layouts.map(({ record }) => record)).toEqual(expect.arrayContaining(['hvm_hw_cpu', 'kvm_regs', 'ne2000']))
    for (const { record, bytes, fields } of layouts) {
      for (const field of fields)
        expect(field.offset + field.bytes, `${record}.${field.name}`).toBeLessThanOrEqual(bytes)
    }
  })

  it('prints one record as a table', async () => {
    expect((await sandbox.ferry('layouts', 'kvm_regs')).stdout).toMatch(
      /kvm_regs \(kvm\), 144 bytes[\s\S]*128\s+8\s+rip/,
    )
  })
})

describe('ferry images', () => {
  it('lists the images with their workloads', async () => {
    const images = JSON.parse((await sandbox.ferry('images', '--json')).stdout) as { name: string }[]
    expect(images.map(({ name }) => name)).toEqual(expect.arrayContaining(['labos', 'linux']))
  })
})

describe('ferry runs without a store', () => {
  it('says that there is nothing, and makes no file', async () => {
    expect(await sandbox.ferry('runs')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('no such runs') as string,
    })
    expect((await sandbox.ferry('runs', 'list', '--json')).stdout.trim()).toBe('[]')
  })
})
