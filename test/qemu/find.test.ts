/** Whether a QEMU can be used is found out before a host of it is added, and said with what to do. */
import { expect, test } from 'vitest'
import { findQemu, unfit } from '../../engine/qemu/find.ts'

const nowhere = { platform: 'linux' as const, env: { PATH: '/nonexistent' } }

test('without QEMU the reason names what to install', async () => {
  const found = await findQemu(nowhere)
  expect(found).toMatchObject({ available: false, version: null })
  expect(found.available ? '' : found.reason).toContain('apt install qemu-system-x86')
})

test('on another system the reason names the system', async () => {
  const found = await findQemu({ ...nowhere, platform: 'darwin' })
  expect(found.available ? '' : found.reason).toContain('darwin')
})

test('a program that FERRY_QEMU names and that is no QEMU is not used', async () => {
  const found = await findQemu({ ...nowhere, env: { FERRY_QEMU: process.execPath } })
  expect(found.available ? '' : found.reason).toMatch(/FERRY_QEMU names, does not tell its version/)
})

test.each([
  ['7.2', true],
  ['7.2.22', true],
  ['7.10.0', true],
  ['7.1.9', false],
  ['6.2.0', false],
  ['8.0.0', false],
  ['10.0.2', false],
])('version %s can be used: %s', (version, can) => {
  expect(unfit(version) === null).toBe(can)
})
