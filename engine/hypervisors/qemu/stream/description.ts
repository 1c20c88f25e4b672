/**
 * What QEMU says of its own stream: a description (JSON) of every device section, behind the end. Ours was read by fixed
 * tables; the two have to agree on the size of every section.
 */
import * as v from 'valibot'
import { FerryError } from '../../../util/errors.ts'

const NAME_LIMIT = 256
const DEPTH_LIMIT = 16
const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 24))
const name = v.pipe(v.string(), v.maxLength(NAME_LIMIT))

/** `size` counts one element; with subsections of nested structs it is the whole nested struct. */
const field = v.object({ name, size: count, array_len: v.optional(count) })
const struct = v.object({ fields: v.optional(v.array(field), []), subsections: v.optional(v.array(v.unknown()), []) })
const device = v.object({
  ...struct.entries,
  name,
  instance_id: v.pipe(v.number(), v.integer()),
})
const subsection = v.object({ ...struct.entries, vmsd_name: name })
const description = v.object({ page_size: v.literal(4096), devices: v.array(device) })

/** Type, length of the name and version in front of a subsection. */
const SUBSECTION_HEAD = 6

function sizeOf(described: v.InferOutput<typeof struct>, depth: number): number {
  if (depth > DEPTH_LIMIT) throw new RangeError('nested too deeply')
  const fields = described.fields.reduce((sum, f) => sum + f.size * (f.array_len ?? 1), 0)
  const subsections = described.subsections.map((one) => v.parse(subsection, one))
  return subsections.reduce((sum, s) => sum + SUBSECTION_HEAD + s.vmsd_name.length + sizeOf(s, depth + 1), fields)
}

/**
 * Compares with the sections that were read.
 * @param read bytes of each section, by name and instance
 * Throws `qemu.description` where QEMU describes one of them in another size, or what it says is no description. A
 * description of nothing is taken for one that its writer left out.
 */
export function checkDescription(json: Uint8Array, read: ReadonlyMap<string, number>): void {
  let devices: v.InferOutput<typeof description>['devices']
  let sizes: Map<string, number>
  try {
    ;({ devices } = v.parse(description, JSON.parse(Buffer.from(json).toString('utf8'))))
    sizes = new Map(devices.map((d) => [`${d.name}/${d.instance_id}`, sizeOf(d, 0)]))
  } catch (cause) {
    throw new FerryError('qemu.description', "QEMU's description of its stream cannot be read.", {}, cause)
  }
  if (devices.length === 0) return
  for (const [section, bytes] of read) {
    const described = sizes.get(section)
    if (described === bytes) continue
    const message = `QEMU describes its section ${section} with ${described ?? 'no'} bytes, and ${bytes} were read. The guest stays where it is.`
    throw new FerryError('qemu.description', message, { section, described: described ?? -1, bytes })
  }
}
