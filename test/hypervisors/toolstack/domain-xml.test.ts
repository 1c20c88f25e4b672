/** Definitions of domains are read as they are written, and what is wrong with one has a line. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseVirsh } from '../../../engine/hypervisors/kvm/toolstack/commands.ts'
import { domainXml, parseDomainXml } from '../../../engine/hypervisors/kvm/toolstack/domain-xml.ts'
import { virshBytes } from '../../../engine/hypervisors/kvm/toolstack/format.ts'
import { parseXml } from '../../../engine/hypervisors/kvm/toolstack/xml.ts'
import { FerryError } from '../../../engine/util/errors.ts'

const PATH = '/etc/libvirt/qemu/x.xml'

test('a domain that is printed is read as itself', () => {
  const word = fc.stringMatching(/^[\w&<>'"./:-]{1,20}$/)
  const domain = fc.record({
    name: word,
    kernel: word,
    memoryMb: fc.option(fc.integer({ min: 1, max: 4096 }), { nil: undefined }),
    disk: fc.option(word, { nil: null }),
    commandLine: fc.constantFrom('', 'workload=dirty:2000 hb=100', "a='<&>'"),
  })
  fc.assert(
    fc.property(domain, (wanted) => {
      expect(parseDomainXml(domainXml(wanted), PATH)).toEqual(wanted)
    }),
  )
})

test('no text makes the reader fail otherwise than by saying where', () => {
  const piece = fc.constantFrom(
    '<a>',
    '</a>',
    '<b x="1"/>',
    '<',
    '>',
    '&amp;',
    '&',
    '\n',
    '<!-- x -->',
    'text',
    '<?xml?>',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      try {
        parseXml(pieces.join(''), PATH)
      } catch (thrown) {
        expect(FerryError.from(thrown).code).toBe('config.syntax')
      }
    }),
  )
})

test('errors name the line', () => {
  expect(() => parseXml('<a>\n<b>\n</a>', PATH)).toThrow('line 3: </a> ends <b> of line 2')
  expect(() => parseXml('<a>\n<b/>\n', PATH)).toThrow('line 1: <a> is not closed')
  expect(() => parseXml('<!DOCTYPE a [<!ENTITY b "c">]><a/>', PATH)).toThrow('not well-formed')
})

test('operands of virsh go by place or by name, and wrong usage is told as virsh tells it', () => {
  const forms = [
    ['a', 'qemu+ssh://b/system'],
    ['--desturi', 'qemu+ssh://b/system', 'a'],
  ]
  for (const form of forms) {
    expect(parseVirsh(['migrate', '--live', ...form])).toMatchObject({ operands: ['a', 'qemu+ssh://b/system'] })
  }
  expect(() => parseVirsh(['frob'])).toThrow("unknown command: 'frob'")
  expect(() => parseVirsh(['start'])).toThrow("command 'start' requires <domain> option")
  expect(() => parseVirsh(['list', '--frob'])).toThrow("command 'list' doesn't support option --frob")
  expect(virshBytes(16 * 2 ** 20)).toBe('16.000 MiB')
})
