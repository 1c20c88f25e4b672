/**
 * What source and target tell each other about the guest: MIG_REQ asks with the requirements (enough for the
 * compatibility check), MIG_CFG brings the configuration of the container to build.
 */
import * as v from 'valibot'
import { BLOCK, PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { BlockName } from '../../vmstate/blocks.ts'

const MIB = 1 << 20
const GIB = 1 << 30

/** Printable text without control characters, for names that are shown and logged. */
export const label = (maxLength: number) =>
  v.pipe(v.string(), v.minLength(1), v.maxLength(maxLength), v.regex(/^[^\u0000-\u001f\u007f]*$/))

/** A code of ours or of the peer: kebab-case, dotted. */
export const code = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9.-]{0,63}$/))

const bytes = (multipleOf: number, min: number, max: number) =>
  v.pipe(v.number(), v.integer(), v.multipleOf(multipleOf), v.minValue(min), v.maxValue(max))

const blockName = v.picklist(Object.keys(BLOCK) as [BlockName, ...BlockName[]])
const blockId = v.picklist(Object.values(BLOCK))
export const blockInfo = v.pipe(
  v.object({ id: blockId, name: blockName, bytes: bytes(PAGE_SIZE, PAGE_SIZE, GIB) }),
  v.check((block) => BLOCK[block.name] === block.id, 'the number of a block does not belong to its name'),
)

export const hostIdentity = v.object({ name: label(64), kind: v.picklist(['xen', 'kvm', 'qemu']) })
export type HostIdentity = v.InferOutput<typeof hostIdentity>

/** What the guest needs of a host. */
export const guestSummary = v.object({
  /** Unique over all hosts. */
  id: label(64),
  name: label(64),
  ramBytes: bytes(MIB, 8 * MIB, GIB),
  blocks: v.pipe(
    v.array(blockInfo),
    v.minLength(1),
    v.maxLength(8),
    v.check((list) => new Set(list.map((b) => b.id)).size === list.length, 'a block is named twice'),
    v.check((list) => list.some((b) => b.name === 'ram'), 'there is no RAM'),
  ),
  /** Names of the devices of the machine, e.g. `i8259`, `ne2k`. */
  devices: v.pipe(v.array(label(64)), v.maxLength(64)),
  /** CPUID flags that the guest may rely on, e.g. `sse2`. */
  cpuFeatures: v.pipe(v.array(label(32)), v.maxLength(256)),
})
export type GuestSummary = v.InferOutput<typeof guestSummary>

/** How to build the container on the target. */
export const machineSettings = v.object({
  ramBytes: bytes(MIB, 8 * MIB, GIB),
  vgaBytes: bytes(PAGE_SIZE, 256 << 10, 64 * MIB),
  mac: v.pipe(v.string(), v.regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/)),
  apic: v.boolean(),
  /** Name of the shared disk, which both hosts reach. */
  disk: v.nullable(label(128)),
})
export type MachineSettings = v.InferOutput<typeof machineSettings>

/** Facts that belong to the toolstacks; the migration carries them unread. */
export const extras = v.pipe(
  v.record(label(64), v.pipe(v.string(), v.maxLength(8192))),
  v.check((r) => Object.keys(r).length <= 32, 'more than 32 extras'),
)
export type Extras = Record<string, string>
