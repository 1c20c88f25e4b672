/** Real QEMUs that end with their test, and LabOS in them. */
import { afterEach, expect } from 'vitest'
import type { Machine } from '../../../engine/machine/machine.ts'
import { type Console, labos, MIB } from '../../machine/helpers.ts'
import { TestQemu, type TestQemuOptions } from './qemu-process.ts'

export const CONFIG = { ramBytes: 8 * MIB, vgaBytes: MIB, mac: '02:00:00:00:00:07' }

const open = new Set<TestQemu>()
afterEach(async () => {
  const all = [...open]
  open.clear()
  await Promise.all(all.map((each) => each.close()))
})
export async function realQemu(options: Omit<TestQemuOptions, keyof typeof CONFIG>): Promise<TestQemu> {
  const made = new TestQemu({ ...CONFIG, ...options })
  open.add(made)
  return made.start()
}

const heartbeats = (text: string): number[] => [...text.matchAll(/^HB (\d+) /gm)].map(([, n]) => Number(n))
export function expectContiguous(text: string): void {
  const beats = heartbeats(text)
  expect(beats).toEqual(beats.map((_, i) => (beats[0] ?? 0) + i))
}

/** What LabOS says of its memory, its registers and its disk, in QEMU. */
export async function healthyInQemu(there: TestQemu): Promise<void> {
  const ask = async (command: string, answer: RegExp): Promise<string> => {
    const from = there.serial.length
    there.type(`${command}\n`)
    return there.waitFor(answer, from)
  }
  expect(await ask('check', /CHECK .*\n/)).toMatch(/^CHECK ok .* errors=0/)
  expect(await ask('cpu', /CPU (ok|failed) .*\n/)).toMatch(/^CPU ok .* errors=0/)
}
export async function healthyHere(console: Console): Promise<void> {
  expect(await console.ask('check', /CHECK .*\n/)).toMatch(/^CHECK ok .* errors=0/)
  expect(await console.ask('cpu', /CPU (ok|failed) .*\n/)).toMatch(/^CPU ok .* errors=0/)
}

export async function startLabOs(
  commandLine: string,
  disk: SharedArrayBuffer | null,
): Promise<{ guest: Machine; console: Console }> {
  const { machine: guest, console } = await labos(commandLine, { ...CONFIG, disk })
  await console.waitFor(/HB 5 /)
  return { guest, console }
}
