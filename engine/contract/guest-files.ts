/** A guest as a file for other hypervisors' tools. */
import * as v from 'valibot'
import { downloadName } from './downloads.ts'
import { guestId, name } from './names.ts'
import { uploadFile, uploadName } from './uploads.ts'

const path = v.optional(v.pipe(v.string(), v.maxLength(4096)))

/** `xen`: libxc's save image. `qemu`: QEMU's migration stream. */
export const GUEST_FILE_FORMATS = ['xen', 'qemu'] as const
export const guestFileFormat = v.picklist(GUEST_FILE_FORMATS)
export type GuestFileFormat = v.InferOutput<typeof guestFileFormat>

export const guestFileView = v.object({
  /** Where it is; of one that is fetched, the name that it may have. */
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

/** A guest into a file: at `path`, or to be fetched as `download` (`downloads.piece`) by who has no paths. */
export const guestExport = v.pipe(
  v.object({
    guest: guestId,
    format: guestFileFormat,
    path,
    download: v.optional(downloadName),
  }),
  v.check(({ path, download }) => (path === undefined) !== (download === undefined), 'give a path, or a download'),
)
export type GuestExport = v.InferOutput<typeof guestExport>

/**
 * A guest out of a file that a QEMU wrote (`migrate exec:cat>FILE`), or `guests.export` did: at `path`, or handed over as
 * `upload` (`uploads.piece`) by who has no paths.
 */
export const guestImport = v.pipe(
  v.object({
    path,
    upload: v.optional(uploadName),
    /** What messages call a file that was handed over. */
    file: v.optional(uploadFile, 'The file'),
    host: name,
    /** The image that it was started from, whose commands Ferry knows; absent: nothing is known of it. */
    image: v.optional(v.pipe(v.string(), v.maxLength(64))),
    name: v.optional(name),
    /** The file of its disk, sector by sector; absent: `path` and `.disk`, where the guest has one. Not with an upload. */
    disk: path,
  }),
  v.check(({ path, upload }) => (path === undefined) !== (upload === undefined), 'give a path, or an upload'),
  v.check(({ upload, disk }) => upload === undefined || disk === undefined, 'an upload has no disk'),
)
export type GuestImport = v.InferOutput<typeof guestImport>
