import { expect, onTestFinished, test } from 'vitest'
import { loadImage, startGuest } from '../../engine/lab/guest-images.ts'
import { loadBootState, saveBootState } from '../../engine/lab/boot-state.ts'
import { GuestConsole } from '../../engine/lab/console.ts'
import type { Machine } from '../../engine/machine/machine.ts'
import { createMachine } from '../../engine/machine/blank-machine.ts'

async function machineWithConsole(): Promise<{ machine: Machine; console: GuestConsole }> {
  const config = { ramBytes: 16 * 2 ** 20, vgaBytes: 2 ** 20, mac: '02:00:00:00:00:01', disk: null, apic: false }
  const machine = await createMachine(config)
  onTestFinished(() => machine.close())
  const console = new GuestConsole('test')
  console.listen(machine)
  console.feed(machine)
  return { machine, console }
}

test('a saved state starts in another machine where it was saved, with all memory right', async () => {
  const first = await machineWithConsole()
  await startGuest(await loadImage('labos'), first.machine, first.console, '10.0.0.9')
  await first.console.command('load 3000 4M random', /LOAD rate=3000/)
  await first.machine.pause()
  const file = await saveBootState(first.machine)

  const second = await machineWithConsole()
  await loadBootState(second.machine, file)
  await second.machine.resume()
  const check = await second.console.command('check', /CHECK (ok|failed)[^\r]*\r/)
  expect(check[1]).toBe('ok')
  expect((await second.console.command('cpu', /CPU (ok|failed)[^\r]*\r/))[1]).toBe('ok')
  expect((await second.console.command('load', /LOAD [^\r]*\r/))[0]).toContain('rate=3000')
})

test('a damaged file is refused and the machine can still boot', async () => {
  const { machine, console } = await machineWithConsole()
  const image = await loadImage('labos')
  await startGuest(image, machine, console, '10.0.0.9')
  await machine.pause()
  const file = await saveBootState(machine)

  const other = await machineWithConsole()
  for (const damaged of [
    Buffer.alloc(0),
    Buffer.from('something else entirely'),
    file.subarray(0, 40),
    file.subarray(0, file.length - 1000),
  ]) {
    await expect(loadBootState(other.machine, damaged)).rejects.toMatchObject({
      code: expect.stringMatching(/^(boot-state|vmstate)\./) as string,
    })
  }
  await startGuest(image, other.machine, other.console, '10.0.0.9')
  expect((await other.console.command('check', /CHECK (ok|failed)/))[1]).toBe('ok')
})
