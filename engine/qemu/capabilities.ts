/** What a QEMU's migrations can do, switched on and off (`migrate-set-capabilities`). */
import type { Qmp } from './qmp.ts'

/**
 * `events`: MIGRATION events are told; `postcopy-ram`: the guest may run before its memory has come; `auto-converge`: QEMU slows
 * a guest down that changes its memory faster than it travels.
 */
export type Capability = 'events' | 'postcopy-ram' | 'auto-converge'

/** @throws FerryError `qemu.command` where QEMU cannot do it here, or a migration is under way */
export async function setCapabilities(qmp: Qmp, states: Readonly<Partial<Record<Capability, boolean>>>): Promise<void> {
  const capabilities = Object.entries(states).map(([capability, state]) => ({ capability, state }))
  await qmp.command('migrate-set-capabilities', { capabilities })
}
