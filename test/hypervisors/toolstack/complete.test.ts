/** Completion puts what may stand at a place, and nothing that a shell would read as something else. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { VIRSH_GRAMMAR } from '../../../engine/hypervisors/kvm/toolstack/commands.ts'
import { complete, type Grammar, type Surroundings } from '../../../engine/hypervisors/toolstack/complete.ts'
import { splitWords } from '../../../engine/hypervisors/toolstack/words.ts'
import { XM_GRAMMAR } from '../../../engine/hypervisors/xen/toolstack/commands.ts'

const TREE: Readonly<Record<string, string[]>> = {
  '': ['labos.xml', 'my notes'],
  '/': ['etc/', 'root/'],
  '/etc/': ['xen/'],
  '/etc/xen/': ['labos.cfg', 'linux.cfg', 'xend-config.sxp'],
  'xen-2:': ['there.cfg'],
}
const around: Surroundings = {
  domains: ['labos', 'labos-2', 'web'],
  defined: ['idle'],
  hosts: ['xen-2', 'kvm'],
  uris: ['qemu+ssh://kvm/system', 'xen+ssh://xen-2/'],
  configs: '/etc/xen/',
  names: (directory, host) => TREE[host === undefined ? directory : `${host}:${directory}`] ?? [],
}
const root: Grammar = {
  operands: [],
  commands: {
    xm: XM_GRAMMAR,
    virsh: VIRSH_GRAMMAR,
    cat: { operands: ['file'], repeats: true },
    cd: { operands: ['directory'] },
    scp: { operands: ['remote-file'], repeats: true },
  },
}
const at = (line: string, cursor = line.length) => complete(line, cursor, root, around)
/** The line after Tab. */
const tab = (line: string) => line.slice(0, at(line).from) + at(line).common

test('commands, subcommands and options are completed, and ended with a space where there is one only', () => {
  expect(at('').candidates).toEqual(['cat', 'cd', 'scp', 'virsh', 'xm'])
  expect([tab('vi'), tab('xm mi'), tab('xm migrate --li')]).toEqual(['virsh ', 'xm migrate ', 'xm migrate --live '])
  expect(at('xm migrate -').candidates).toEqual(['--help', '--live', '--port'])
  expect(at('xm help p').candidates).toEqual(['pause'])
  expect(at('virsh migrate-set').candidates).toEqual(['migrate-setmaxdowntime', 'migrate-setspeed'])
  expect(tab('virsh migrate-set')).toBe('virsh migrate-set')
})

test('each operand has its own candidates, whatever options stand among them', () => {
  expect(at('xm migrate --live ').candidates).toEqual(['labos', 'labos-2', 'web'])
  expect([tab('xm migrate lab'), tab('xm migrate w')]).toEqual(['xm migrate labos', 'xm migrate web '])
  expect(at('xm migrate labos --live ').candidates).toEqual(['kvm', 'xen-2'])
  expect(at('xm migrate -p 8002 labos ').candidates).toEqual(['kvm', 'xen-2'])
  expect(at('xm migrate labos xen-2 ').candidates).toEqual([])
  expect(at('xm list labos ').candidates).toContain('web')
  // The value of an option is anything.
  expect(at('xm migrate -p ').candidates).toEqual([])
  expect([tab('virsh start '), tab('virsh migrate labos q')]).toEqual([
    'virsh start idle ',
    'virsh migrate labos qemu+ssh://kvm/system ',
  ])
  expect(at('virsh dominfo ').candidates).toEqual(['idle', 'labos', 'labos-2', 'web'])
  expect([tab('virsh suspend --domain w'), tab('virsh suspend --domain=w')]).toEqual([
    'virsh suspend --domain web ',
    'virsh suspend --domain=web ',
  ])
})

test('files are completed a directory at a time, of other hosts too, and configurations where xm looks for them', () => {
  expect([tab('cat /e'), tab('cat /etc/'), tab('cat /etc/xen/l')]).toEqual([
    'cat /etc/',
    'cat /etc/xen/',
    'cat /etc/xen/l',
  ])
  expect(at('cat /etc/xen/l').candidates).toEqual(['/etc/xen/labos.cfg', '/etc/xen/linux.cfg'])
  expect(at('cd l').candidates).toEqual([])
  expect(tab('xm create lab')).toBe('xm create labos.')
  expect(at('xm create lab').candidates).toEqual(['labos.cfg', 'labos.xml'])
  expect([tab('scp labos.xml r'), tab('scp root@xen-2:th')]).toEqual([
    'scp labos.xml root@',
    'scp root@xen-2:there.cfg ',
  ])
  expect(tab('cat "my')).toBe(String.raw`cat my\ notes `)
})

test('what stands behind the cursor is not looked at, and no command is known where none can be', () => {
  expect(at('xm li labos', 5)).toEqual({ from: 3, common: 'list ', candidates: ['list'] })
  for (const line of ['frobnicate ', 'xm frobnicate ', 'xm list | ca', 'ca # ca', 'xm list toString', '__proto__ '])
    expect(at(line).candidates).toEqual([])
  expect(at('xm nothing-like-it')).toEqual({ from: 3, common: 'nothing-like-it', candidates: [] })
})

test('whatever files are called, what Tab puts there is read as the beginning of each candidate', () => {
  const name = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => !text.includes('/'))
  fc.assert(
    fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 5 }), fc.nat(3), (names, typed) => {
      const beginning = names[0].slice(0, typed)
      const quoted = beginning === '' ? '' : `'${beginning.replaceAll("'", String.raw`'\''`)}`
      fc.pre(!beginning.startsWith('-') && names.every((other) => !/[:=]/.test(other)))
      const line = `cat ${quoted}`
      const { from, common, candidates } = complete(line, line.length, root, { ...around, names: () => names })
      const expected = names.filter((other) => other.startsWith(beginning)).sort()
      expect(candidates.map((text) => splitWords(text)[0])).toEqual(expected)
      const [, read = ''] = splitWords(line.slice(0, from) + common)
      for (const other of expected) expect(other.startsWith(read)).toBe(true)
      expect(read.startsWith(beginning)).toBe(true)
    }),
  )
})
