/**
 * Extensions: fields of the common format that the source's native form could not hold, carried beside the sections and
 * put back by the reader. Each is declared by section and path, so that anybody can see what bypassed the native form.
 */
import { FerryError } from '../util/errors.ts'
import { checkState } from './check.ts'
import { compilePath, readPath, writePath } from './paths.ts'
import type { MachineState, SectionName } from './state.ts'

/** The value of the fields under one path, as the section's table encodes them, one after the other. */
export interface Extension {
  readonly section: SectionName
  /** Path within the section, see `paths.ts`. */
  readonly path: string
  readonly bytes: Uint8Array
}

/** What `extensionsOf` needs of a list entry: a hypervisor's list of what it cannot hold is one. */
export interface ExtensionPath {
  readonly section: SectionName
  readonly path: string
}

/**
 * Picks the values at the listed paths. Sections that the state lacks are passed over.
 * Throws `vmstate.extension` for a path that the section's table does not have.
 */
export function extensionsOf(state: MachineState, list: readonly ExtensionPath[]): Extension[] {
  const compiled = list.filter((e) => state[e.section] !== undefined).map((e) => compilePath(e.section, e.path))
  const data = new Uint8Array(compiled.reduce((sum, c) => sum + c.bytes, 0))
  const view = new DataView(data.buffer)
  let offset = 0
  return compiled.map((c) => {
    readPath(c, state, view, offset)
    const bytes = data.subarray(offset, offset + c.bytes)
    offset += c.bytes
    return { section: c.section, path: c.path, bytes }
  })
}

/**
 * Puts extensions back. Changes `state` in place and returns it.
 * Throws `vmstate.extension` where a path is unknown, its section absent or its bytes of a wrong number, and
 * `vmstate.value` where the result is no possible state.
 */
export function applyExtensions(state: MachineState, extensions: readonly Extension[]): MachineState {
  for (const { section, path, bytes } of extensions) {
    const compiled = compilePath(section, path)
    if (state[section] === undefined) {
      throw new FerryError('vmstate.extension', `An extension is for the section ${section}, which is absent.`, {
        section,
      })
    }
    if (bytes.length !== compiled.bytes) {
      const message = `The extension ${section}.${path} has ${bytes.length} bytes instead of ${compiled.bytes}.`
      throw new FerryError('vmstate.extension', message, { section, path, bytes: bytes.length })
    }
    writePath(compiled, state, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0)
  }
  checkState(state)
  return state
}
