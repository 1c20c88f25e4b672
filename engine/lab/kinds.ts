/** The kinds of host that a lab has: what each is, how its guests' machines are made, and whether it can be had here. */
import type { HostKindView } from '../contract/lab.ts'
import { type HostKind, hostKind } from '../contract/report.ts'
import type { Hypervisor } from '../hypervisors/hypervisor.ts'
import { kvm } from '../hypervisors/kvm/kvm.ts'
import { MemorySlots } from '../hypervisors/kvm/memory-slots.ts'
import type { HostMemory } from '../hypervisors/memory.ts'
import type { MemoryView } from '../hypervisors/memory-view.ts'
import { qemu } from '../hypervisors/qemu/qemu.ts'
import { RamBlocks } from '../hypervisors/qemu/ram-blocks.ts'
import { P2m } from '../hypervisors/xen/p2m.ts'
import { xen } from '../hypervisors/xen/xen.ts'
import { createMachine, type MachineShape } from '../machine/blank-machine.ts'
import type { Machine, MachineConfig } from '../machine/machine.ts'
import { devicesOf } from '../machine/profile.ts'
import { ALGORITHM_NAMES, algorithmOf, type AlgorithmName, POOL } from '../migration/policy/pool.ts'
import type { Tuning } from '../migration/source-options.ts'
import { SAVINGS, type Saving } from '../migration/saving/savings.ts'
import { createQemuMachine } from '../qemu/create.ts'
import { findQemu, requireQemu } from '../qemu/find.ts'
import { memoryTrapRefusal } from '../qemu/memory-trap.ts'
import { PAGE_SIZE } from '../vmstate/blocks.ts'

/** Every kind of host that the lab has. */
export const HYPERVISORS: Readonly<Record<HostKind, Hypervisor<HostKind>>> = { xen, kvm, qemu }

/** What hosts of a kind can do at most. */
export interface Abilities {
  /** By which guests go away from there. */
  readonly algorithms: readonly AlgorithmName[]
  /** Why they do not go by the others, a sentence each. */
  readonly lacks: Readonly<Partial<Record<AlgorithmName, string>>>
  /** By which guests come there. */
  readonly takes: readonly AlgorithmName[]
  /** Why guests do not come by others, though the kind knows them. */
  readonly takesNote?: string | undefined
  readonly savings: readonly Saving[]
  readonly devices: readonly string[]
  /** Whether they hold an empty machine ready for the guest that comes next. */
  readonly standby: boolean
  /** What a migration out of there does otherwise than usual, for what costs much there. */
  readonly tuning?: Partial<Tuning>
  /** What is special about the guest's clock there. */
  readonly clock?: string
}

const EMULATED: Abilities = {
  algorithms: ALGORITHM_NAMES.filter((name) => !POOL[name].mechanism.native),
  lacks: { native: 'Only a QEMU has a migration of its own.' },
  takes: ALGORITHM_NAMES.filter((name) => !POOL[name].mechanism.native),
  savings: SAVINGS,
  devices: devicesOf({ apic: true, disk: new SharedArrayBuffer(0) }),
  standby: true,
}

const noTrap = memoryTrapRefusal()

/**
 * QEMU gives its dirty log to nobody page by page, guards no page, and reads what it was sent when it likes: so what needs
 * those is not offered.
 */
const IN_QEMU: Abilities = {
  algorithms: ALGORITHM_NAMES.filter((name) => !POOL[name].mechanism.once),
  lacks: {
    'single-pass': 'QEMU does not stop its guest in front of a write to a page that was sent, which single-pass needs.',
  },
  takes: ALGORITHM_NAMES.filter((name) => noTrap === null || !POOL[name].mechanism.pull),
  takesNote: noTrap ?? undefined,
  savings: SAVINGS.filter((saving) => saving !== 'delta'),
  devices: devicesOf({ apic: false, disk: new SharedArrayBuffer(0) }),
  standby: false,
  // A capture is a migration of its own, for which QEMU stops the guest; its log is a comparison of all of RAM. Going over one
  // state again costs next to nothing.
  tuning: { rehearsals: 8, captures: 1, skipDirtied: false },
  clock:
    'QEMU counts instructions, 4 ns each, for the time that the guest sees: a guest that computes sees less time pass ' +
    'there where the computer is slow.',
}

export const ABILITIES: Readonly<Record<HostKind, Abilities>> = { xen: EMULATED, kvm: EMULATED, qemu: IN_QEMU }

/** A host's view of a guest's memory, in its machine memory. @throws FerryError `host.out-of-memory` */
export function viewOf(kind: HostKind, memory: HostMemory, { ramBytes, vgaBytes }: MachineShape): MemoryView {
  const [pages, vgaPages] = [ramBytes / PAGE_SIZE, vgaBytes / PAGE_SIZE]
  if (kind === 'xen') return new P2m(memory, pages)
  return kind === 'kvm' ? new MemorySlots(memory, pages, vgaPages) : new RamBlocks(memory, pages, vgaPages)
}

/**
 * @param by the algorithm by which a guest comes; absent: none does
 * @throws FerryError `machine.*`, `qemu.*`
 */
export async function machineOf(kind: HostKind, config: MachineConfig, by?: string): Promise<Machine> {
  if (kind !== 'qemu') return createMachine(config)
  const { native = false, pull = false } = algorithmOf(by ?? '')?.mechanism ?? {}
  return createQemuMachine(config, await requireQemu(), createMachine, native ? 'native' : pull ? 'late' : 'whole')
}

/** @throws FerryError `qemu.unavailable` with what to do */
export async function requireKind(kind: HostKind): Promise<void> {
  if (kind === 'qemu') await requireQemu()
}

/** All kinds, and whether hosts of them can be had on this computer. */
export async function kindViews(): Promise<HostKindView[]> {
  const found = await findQemu()
  return hostKind.options.map((kind) => {
    const { title } = HYPERVISORS[kind]
    if (kind !== 'qemu') return { kind, title, available: true, reason: null, version: null }
    return {
      ...{ kind, title, available: found.available },
      reason: found.available ? null : found.reason,
      version: found.available ? found.program.version : found.version,
    }
  })
}
