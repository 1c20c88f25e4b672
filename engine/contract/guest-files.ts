/** A guest as a file for other hypervisors' tools. */
import * as v from 'valibot'

/** `xen`: libxc's save image. `qemu`: QEMU's migration stream. */
export const GUEST_FILE_FORMATS = ['xen', 'qemu'] as const
export const guestFileFormat = v.picklist(GUEST_FILE_FORMATS)
export type GuestFileFormat = v.InferOutput<typeof guestFileFormat>

export const guestFileView = v.object({
  path: v.string(),
  bytes: v.number(),
  /** The file of its disk, beside the other; null: the guest has none, or the format is not for disks. */
  disk: v.nullable(v.object({ path: v.string(), bytes: v.number() })),
  /** Pages of RAM in it. */
  pages: v.number(),
  /** What of the guest the format has no place for, a sentence each. */
  left_out: v.array(v.string()),
  /** What takes the file in, as a line for a shell. */
  command: v.nullable(v.string()),
})
export type GuestFileView = v.InferOutput<typeof guestFileView>
