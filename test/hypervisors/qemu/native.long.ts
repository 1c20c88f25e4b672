/** A guest that a real QEMU has started, with QEMU's own BIOS before it, comes to a machine of ours. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Console, machine, MIB } from '../../machine/helpers.ts'
import { because, lacks, NEEDS } from '../../setup/needs.ts'
import { guestOf } from './crossing.ts'
import { CONFIG, expectContiguous, healthyHere, realQemu } from './real-qemu.ts'

const missing = lacks(NEEDS.qemu)
const LABOS = fileURLToPath(new URL('../../../images/labos/labos.elf', import.meta.url))

test.skipIf(missing !== undefined)(`LabOS of a QEMU's own runs on here${because(missing)}`, async () => {
  const kernel = { file: LABOS, commandLine: 'hb=20 own=2M ip=10.0.0.2 load=500,1M,random' }
  const there = await realQemu({ incoming: false, diskBytes: 8 * MIB, kernel })
  await there.waitFor(/HB 20 /)
  const file = join(there.folder, 'stream')
  await there.save(file)
  const config = { ...CONFIG, disk: new SharedArrayBuffer(8 * MIB) }
  const here = await machine(config)
  const console = new Console(here)
  console.text = there.serial
  const { state, batches } = guestOf(readFileSync(file), here.config)
  await here.load(batches, state, 'freeze')
  await here.resume()
  await healthyHere(console)
  expect(await console.ask('disk test 8', /DISK (ok|failed) .*\n/)).toMatch(/^DISK ok/)
  expect(await console.ask('net', /NET mac=.*\n/)).toMatch(/lost=0/)
  expectContiguous(console.text)
})
