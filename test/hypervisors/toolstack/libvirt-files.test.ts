/** Files of libvirt are read as libvirt reads them, and refused with the line that is wrong. */
import { expect, test } from 'vitest'
import { parseConf } from '../../../engine/hypervisors/kvm/toolstack/conf.ts'
import {
  libvirtdConf,
  parseLibvirtdConf,
  parseQemuConf,
  qemuConf,
} from '../../../engine/hypervisors/kvm/toolstack/libvirt-config.ts'
import { FerryError } from '../../../engine/util/errors.ts'

const lineOf = (read: () => unknown): unknown => {
  try {
    read()
  } catch (thrown) {
    return FerryError.from(thrown).data['line']
  }
  return null
}

test('numbers, strings and lists are read, comments are not, and of two entries the last counts', () => {
  const text = `# a = 1\nlisten_tcp = 1 # yes\nlisten_tcp=0\nname = "a # b"\nusers = [ "a", 'b', ]\nnone = []\n`
  expect([...parseConf(text, 'x').entries()].map(([name, { value, line }]) => [name, value, line])).toEqual([
    ['listen_tcp', 0, 3],
    ['name', 'a # b', 4],
    ['users', ['a', 'b'], 5],
    ['none', [], 6],
  ])
})

test.each([
  ['listen_tcp', 'no'],
  ['listen_tcp =', 'nothing'],
  ['listen_tcp = yes', 'a word'],
  ['listen_tcp = 2', 'no flag'],
  ['listen_tls = "1"', 'no flag'],
  ['tcp_port = "http"', 'no port'],
  ['tcp_port = 65536', 'no port'],
  ['auth_tcp = "trust"', 'no scheme'],
  ['listen_addr = 7', 'no string'],
  ['users = [ "a" "b" ]', 'no list'],
])('%s is refused with its line: %s', (text) => {
  expect(lineOf(() => parseLibvirtdConf(`#\n${text}\n`))).toBe(2)
})

test('as installed nobody is let in over TCP; a host of the lab lets everybody in; guests come to its port', () => {
  expect(parseLibvirtdConf(libvirtdConf(false))).toEqual(parseLibvirtdConf(''))
  expect(parseLibvirtdConf('')).toEqual({ listens: false, port: 16509, address: '', auth: 'sasl' })
  expect(parseLibvirtdConf(libvirtdConf(true))).toMatchObject({ listens: true, auth: 'none' })
  for (const port of [49152, 50000]) expect(parseQemuConf(qemuConf(port))).toEqual({ port, address: '' })
  expect(lineOf(() => parseQemuConf('migration_port_min = 49160\nmigration_port_max = 49159'))).toBe(2)
})
