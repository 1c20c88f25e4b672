/** Whose an option is on a command line with a host's tool in it. */
import { expect, test } from 'vitest'
import { withToolLine } from '../../engine/cli/tool-line.ts'

const told = (line: string) => withToolLine(line.split(' ')).join(' ')

test("options behind the tool's name are the tool's, those before it are Ferry's", () => {
  expect(told('toolstack kvm virsh list --all')).toBe('toolstack kvm -- virsh list --all')
  expect(told('--debug toolstack kvm --debug xm list --help')).toBe('--debug toolstack kvm --debug -- xm list --help')
})

test('a line that has its -- already, one without a tool, and other commands stay as they are', () => {
  for (const line of [
    'toolstack kvm -- virsh list --all',
    'toolstack -- kvm virsh list --all',
    'toolstack kvm --help',
    'toolstack kvm',
    'toolstack',
    '--version',
    'migrate --from toolstack kvm xen --live',
  ])
    expect(told(line)).toBe(line)
})
