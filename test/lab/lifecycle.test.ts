/** What happens when things end in the middle of others: with real machines, whose threads really die. */
import { expect, test } from 'vitest'
import { FerryError } from '../../engine/util/errors.ts'
import { sleep } from '../../engine/util/clock.ts'
import type { LabService } from '../../engine/lab/service.ts'
import { crashMachine } from '../crash.ts'
import { createLabOs, memoryUse, openLab, viewOf, XEN_AND_KVM } from './lab-fixture.ts'

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'no error',
    (error: unknown) => FerryError.from(error).code,
  )

/** The guest's machine dies; resolves when the lab knows. */
async function crash(service: LabService, guest: string): Promise<void> {
  const { machine } = service.lab.guest(guest).residence
  const ended = new Promise((resolve) => machine.on('exit', resolve))
  await crashMachine(machine).catch(() => undefined)
  await ended
}

test('a guest is paused or moved, not both: what comes second is refused', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const pausing = service.call('guests.pause', { guest: guest.id })
  expect(await codeOf(service.call('migrations.start', { guest: guest.id, to: 'kvm' }))).toBe('guest.busy')
  expect(await codeOf(service.call('guests.destroy', { guest: guest.id }))).toBe('guest.busy')
  expect((await pausing).state).toBe('paused')
  expect((await service.call('guests.resume', { guest: guest.id })).state).toBe('running')
})

test('a guest that is being started cannot be destroyed', async () => {
  const service = await openLab(XEN_AND_KVM)
  const creating = createLabOs(service)
  let id: string | undefined
  while (id === undefined) {
    await sleep(1)
    id = (await service.call('guests.list', {}))[0]?.id
  }
  expect(await codeOf(service.call('guests.destroy', { guest: id }))).toBe('guest.busy')
  expect((await creating).state).toBe('running')
})

test('numbers of guests that are gone are given again', async () => {
  const service = await openLab(XEN_AND_KVM)
  const first = await createLabOs(service)
  await service.call('guests.destroy', { guest: first.id })
  const second = await createLabOs(service)
  expect(second.ip).toBe(first.ip)
  expect(second.id).not.toBe(first.id)
})

test('closing the lab ends a creation under way, and leaves no memory in use and no thread', async () => {
  for (const delayMs of [1, 40, 120]) {
    const service = await openLab(XEN_AND_KVM)
    const creating = codeOf(createLabOs(service))
    await sleep(delayMs)
    const host = service.lab.host('xen')
    await service.close()
    expect(await creating).toMatch(/^(lab\.closed|console\.closed|machine\.closed|host\.unknown|no error)$/)
    expect(host.memory.freePages).toBe(host.memory.totalPages)
  }
})

test('closing the lab cancels a migration, whose report is stored first', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const { run_id } = await service.call('migrations.start', { guest: guest.id, to: 'kvm', link: '10M' })
  const waiting = service.call('migrations.wait', { run_id })
  const stored: string[] = []
  service.on('runs.added', ({ outcome }) => stored.push(outcome))
  await sleep(400)
  await service.close()
  expect((await waiting).outcome).toBe('cancelled')
  expect(stored).toEqual(['cancelled'])
})

test('who waits for the console of a guest that is destroyed is told so at once', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const { console } = service.lab.guest(guest.id)
  const waiting = codeOf(console.expect(/never/, { timeoutMs: 60_000 }))
  await service.call('guests.destroy', { guest: guest.id })
  expect(await waiting).toBe('console.closed')
  expect(() => console.write('x')).toThrow(/gone/)
})

test('a machine that ends crashes its guest, ends the waits on it, and gives its memory back', async () => {
  const service = await openLab(XEN_AND_KVM)
  const guest = await createLabOs(service)
  const waiting = codeOf(service.lab.guest(guest.id).console.expect(/never/, { timeoutMs: 60_000 }))
  await crash(service, guest.id)
  expect(await waiting).toBe('machine.crashed')
  expect((await viewOf(service, guest.id))?.state).toBe('crashed')
  await service.call('guests.destroy', { guest: guest.id })
  expect((await memoryUse(service)).xen).toBe(0)
})

for (const delayMs of [0, 60, 400]) {
  test(`a source that dies ${delayMs} ms into a migration is not said to go on`, async () => {
    const service = await openLab(XEN_AND_KVM)
    const guest = await createLabOs(service)
    const { run_id } = await service.call('migrations.start', { guest: guest.id, to: 'kvm', link: '10M' })
    await sleep(delayMs)
    await crash(service, guest.id)
    const report = await service.call('migrations.wait', { run_id })
    expect(report.outcome).toBe('failed')
    expect(report.error?.message).toMatch(/lost|ended/)
    expect(report.error?.message).not.toMatch(/goes on at/)
    expect(report.guest_check).toBeNull()
    expect((await viewOf(service, guest.id))?.state).toBe('crashed')
    await expect.poll(async () => (await memoryUse(service)).kvm, { timeout: 60_000 }).toBe(0)
  })
}
