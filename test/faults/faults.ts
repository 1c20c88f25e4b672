/** What must hold after every migration, however it ended. */
import { expect } from 'vitest'
import { sleep } from '../../engine/util/clock.ts'
import { FerryError } from '../../engine/util/errors.ts'
import { BLOCK, PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import type { MigrationResult } from '../../engine/migration/source-options.ts'
import type { FakeMachine } from '../migration/fake-machine.ts'
import { firstDifference } from '../migration/world.ts'
import type { World } from '../migration/world.ts'

/**
 * Exactly one side runs the guest, and the result says which; nothing is left behind at the other; the error is typed.
 * @param targetReached whether a session at the target is known to have existed
 */
export async function expectOneGuest(
  world: World,
  source: FakeMachine,
  result: MigrationResult,
  targetReached = true,
): Promise<void> {
  if (targetReached) await world.targetEnded()
  // A connection that was cut at once may become a session a little later, or never.
  for (let quiet = 0, i = 0; !targetReached && quiet < 20 && i < 600; i++) {
    quiet = world.server.sessions.length === 0 ? quiet + 1 : 0
    await sleep(5)
  }
  await sleep(5)
  const target = world.targetMachines.get('guest-1')
  const arbiter = world.arbiters.get('guest-1')
  const holder = world.leases.get('guest-1')?.holder()
  expect(arbiter?.violations).toEqual([])
  expect([...(arbiter?.running ?? [])]).toHaveLength(1)
  if (result.guestAt === 'target') {
    expect(result.outcome).toBe('completed')
    expect(target?.running).toBe(true)
    expect(source.closed).toBe(true)
    expect(holder).toBe('kvm')
    expect(world.reservedBytes).toBe(source.config.ramBytes)
    if (result.report.pull === null) expect(firstDifference(source.atStop, target?.atStart ?? null)).toBeNull()
    else expectWhole(source, target as FakeMachine)
  } else {
    expect(result.guestAt).toBe('source')
    expect(result.outcome).not.toBe('completed')
    expect(result.error).toBeInstanceOf(FerryError)
    expect(result.error?.code).not.toBe('internal')
    expect(result.error?.message).toContain('goes on at xen')
    expect(source.running).toBe(true)
    expect(source.logging).toBe(false)
    expect(target?.closed ?? true).toBe(true)
    expect(holder).toBe('xen')
    expect(world.reservedBytes).toBe(0)
    expect(result.report.downtime_ms).toBeNull()
  }
  // A connection of its own that came late is refused a little later.
  const open = () => world.server.sessions.map((session) => [session.session, session.state])
  await expect.poll(open, { timeout: 60_000 }).toEqual([])
}

/**
 * A guest that ran before its memory had come has all of it: what was at the source at the stop, but for the pages that
 * it has written since; and of the devices' memory everything, before its first instruction.
 */
export function expectWhole(source: FakeMachine, target: FakeMachine): void {
  expect(target.missing.size).toBe(0)
  expect(target.waitsFor).toBeNull()
  const [stopped, started] = [source.atStop, target.atStart]
  const page = (memory: Uint8Array | undefined, i: number) =>
    (memory ?? NONE).subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE)
  for (const { id, bytes } of source.blocks) {
    const now = id === BLOCK.ram ? target.memory.get(id) : started?.get(id)
    expect(now?.length).toBe(bytes)
    const wrong = Array.from({ length: bytes / PAGE_SIZE }, (_, i) => i).filter((i) => {
      const own = id === BLOCK.ram && target.written.has(i)
      return !own && Buffer.compare(page(now, i), page(stopped?.get(id), i)) !== 0
    })
    expect(wrong).toEqual([])
  }
}

const NONE = new Uint8Array(0)
