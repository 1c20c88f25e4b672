/** Command lines are read as a shell, getopt and xm read them, and xm prints what xm prints. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quoteWord, splitWords } from '../../../engine/hypervisors/toolstack/words.ts'
import { parseXm, xmHelp } from '../../../engine/hypervisors/xen/toolstack/commands.ts'
import { xmInfo, xmList } from '../../../engine/hypervisors/xen/toolstack/format.ts'

test('any words, quoted, are read as themselves', () => {
  const words = fc.array(fc.string({ minLength: 1 }), { maxLength: 6 })
  fc.assert(
    fc.property(words, (all) => {
      expect(splitWords(all.map(quoteWord).join(' '))).toEqual(all)
    }),
  )
})

test('a quote that stays open and an operator of shells are errors of their own', () => {
  expect(() => splitWords("cat 'x")).toThrow('matching')
  expect(() => splitWords('xm list | grep x')).toThrow('|')
  expect(splitWords('xm list # all of them')).toEqual(['xm', 'list'])
})

test('options stand before, behind and among operands', () => {
  const forms = ['migrate --live 2 host', 'migrate 2 host -l', 'migrate -l 2 host', 'migrate 2 -- host']
  const read = forms.map((line) => parseXm(line.split(' ')))
  for (const command of read) expect(command).toMatchObject({ name: 'migrate', operands: ['2', 'host'] })
  for (const form of ['--port=9 a b', '--port 9 a b', '-p9 a b', '-lp 9 a b', 'a b -p 9']) {
    const command = parseXm(['migrate', ...form.split(' ')])
    expect('options' in command && command.options.get('port')).toBe('9')
  }
})

test('the one dash of the paper is taken as two, and told', () => {
  const command = parseXm(['migrate', '-live', '2', 'host_2'])
  expect('notes' in command && command.notes).toHaveLength(1)
  expect('options' in command && command.options.has('live')).toBe(true)
})

test('wrong usage is told as xm tells it', () => {
  expect(() => parseXm(['frobnicate'])).toThrow("Error: Sub Command 'frobnicate' not found!")
  expect(() => parseXm(['pause'])).toThrow("Error: 'xm pause' requires 1 argument!\n\nUsage: xm pause <Domain>")
  expect(() => parseXm(['migrate', 'a'])).toThrow("Error: 'xm migrate' requires 2 arguments!")
  expect(() => parseXm(['migrate', '--dead', 'a', 'b'])).toThrow('Error: option --dead not recognized')
  expect(parseXm(['migrate', '--help'])).toEqual({ helpFor: 'migrate' })
  expect(xmHelp(null)).toMatch(/\n destroy .*\n domid .*\n domname .*\n help {17}Display this message\.\n info /)
})

test('xm list has the columns of xm', () => {
  const row = { name: 'labos', id: 2, memoryMb: 16, state: 'running', seconds: 1.25 } as const
  expect(
    xmList([row, { ...row, name: 'other', id: 3, state: 'paused' }, { ...row, name: 'idle', id: 4, state: 'blocked' }]),
  ).toBe(
    [
      'Name                                        ID   Mem VCPUs      State   Time(s)',
      'labos                                        2    16     1     r-----       1.3',
      'other                                        3    16     1     --p---       1.3',
      'idle                                         4    16     1     -b----       1.3',
      '',
    ].join('\n'),
  )
  expect(xmInfo({ host: 'xen', nr_cpus: 2 })).toBe('host                   : xen\nnr_cpus                : 2\n')
})
