/** Command lines and help as virsh has them. */
import { expect, test } from 'vitest'
import { parseVirsh, virshHelp } from '../../../engine/hypervisors/kvm/toolstack/commands.ts'
import { domainUuid } from '../../../engine/hypervisors/kvm/toolstack/uuid.ts'

test('help tells of all by groups, of a group by its keyword, of a command by its name, and of nothing else', () => {
  expect(parseVirsh(['help'])).toEqual({ helpFor: null })
  expect(parseVirsh(['help', '--command', 'monitor'])).toEqual({ helpFor: 'monitor' })
  expect(parseVirsh(['dominfo', '--help'])).toEqual({ helpFor: 'dominfo' })
  expect(() => parseVirsh(['help', 'nothing'])).toThrow("command or command group 'nothing' doesn't exist")
  const all = virshHelp(null)
  expect(all).toMatch(/^Grouped commands:\n\n Domain Management \(help keyword 'domain'\):\n {4}console {24}connect/)
  expect(all).toContain(`\n\n${virshHelp('monitor')}\n`)
  expect(virshHelp('host')).toBe(
    [
      " Host and Hypervisor (help keyword 'host'):",
      '    nodeinfo                       node information',
      '    version                        show version',
      '',
    ].join('\n'),
  )
  expect(virshHelp('help')).toContain('  SYNOPSIS\n    help [<command>]\n')
})

test('a domain has one UUID, of version 5, by its name', () => {
  expect(domainUuid('labos')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(domainUuid('labos')).toBe(domainUuid('labos'))
  expect(domainUuid('labos')).not.toBe(domainUuid('linux'))
})
