import { expect, test } from 'vitest'
import { labos, MIB } from './helpers.ts'

test.each([8, 64, 512])('LabOS boots with %i MB and finds all of it', async (megabytes) => {
  const { machine: guest, console } = await labos('own=1M', { ramBytes: megabytes * MIB })
  expect(console.text).toContain(`ram_kb=${megabytes * 1024} `)
  expect(guest.blocks[0].bytes).toBe(megabytes * MIB)
  expect(await console.ask('check', /CHECK .*\n/)).toMatch(/^CHECK ok/)
})

test('LabOS boots on a machine with an APIC', async () => {
  const { machine: guest, console } = await labos('own=1M hb=5', { apic: true })
  await console.waitFor(/HB 3 /)
  const { lapic, ioapic, cpu } = await guest.capture()
  expect(lapic).toBeDefined()
  expect(ioapic).toBeDefined()
  expect(cpu.apicBase).toBe(0xfee00900n)
})
