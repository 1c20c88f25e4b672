/**
 * The wire codec of the common format: a machine's state with its extensions ↔ bytes. It runs while the guest stands
 * still, hence one allocation for the result and no loop over bytes.
 */
import { FerryError } from '../util/errors.ts'
import type { RecordType } from '../util/record.ts'
import { checkState } from './check.ts'
import { ContainerWriter, EXTENSION_ID, readContainer, type RawSection } from './container.ts'
import type { Extension } from './extensions.ts'
import { compilePath } from './paths.ts'
import { SECTION_NAMES, SECTIONS, type MachineState, type SectionName } from './state.ts'

interface SectionRule {
  readonly name: SectionName
  readonly id: number
  readonly version: number
  readonly required: boolean
  readonly type: RecordType<unknown>
}
const RULES: readonly SectionRule[] = SECTION_NAMES.map((name) => ({ name, ...SECTIONS[name] }))
const RULE_BY_ID = new Map(RULES.map((rule) => [rule.id, rule]))

const EXTENSION_VERSION = 1
/** An extension's body: u16 section id, u8 length of the path, u8 zero, the path in ASCII, the fields' bytes. */
const EXTENSION_HEAD = 4
const MAX_PATH = 255
const MAX_EXTENSIONS = 256

const writer = new ContainerWriter()
/** Sections that came shorter than their table are completed here; the largest table fits. */
const scratch = new Uint8Array(Math.max(...RULES.map((rule) => rule.type.bytes)))

/**
 * State and extensions as bytes.
 * Throws `vmstate.extension` for an extension that no reader could apply.
 */
export function encodeState(state: MachineState, extensions: readonly Extension[] = []): Uint8Array<ArrayBuffer> {
  writer.begin()
  for (const rule of RULES) {
    const value = state[rule.name]
    if (value === undefined) continue
    const at = writer.open(rule.type.bytes)
    rule.type.write(writer.view, at, value, true)
    writer.close(rule.id, rule.version, 0, rule.type.bytes, 0)
  }
  for (const extension of extensions) encodeExtension(extension)
  return writer.finish(state.capturedAtNs)
}

function encodeExtension({ section, path, bytes }: Extension): void {
  const compiled = compilePath(section, path)
  if (bytes.length !== compiled.bytes || path.length > MAX_PATH) {
    throw new FerryError('vmstate.extension', `The extension ${section}.${path} is malformed.`, { section, path })
  }
  const size = EXTENSION_HEAD + path.length + bytes.length
  const at = writer.open(size)
  const { view } = writer
  view.setUint16(at, SECTIONS[section].id, true)
  view.setUint8(at + 2, path.length)
  for (let i = 0; i < path.length; i++) view.setUint8(at + EXTENSION_HEAD + i, path.charCodeAt(i))
  new Uint8Array(view.buffer, at + EXTENSION_HEAD + path.length, bytes.length).set(bytes)
  writer.close(EXTENSION_ID, EXTENSION_VERSION, 0, size, EXTENSION_HEAD + path.length)
}

/**
 * Bytes as state and extensions (not yet applied). The input is not trusted.
 * Errors: those of `readContainer`, and `vmstate.unknown-section`, `vmstate.section-version`, `vmstate.section-size`,
 * `vmstate.duplicate`, `vmstate.missing`, `vmstate.extension`, `vmstate.value`.
 */
export function decodeState(bytes: Uint8Array): { state: MachineState; extensions: Extension[] } {
  const { capturedAtNs, sections } = readContainer(bytes)
  const values: { capturedAtNs: bigint } & Partial<Record<SectionName, unknown>> = { capturedAtNs }
  const extensions: Extension[] = []
  const seen = new Set<string>()
  for (const section of sections) {
    if (section.id === EXTENSION_ID) {
      if (extensions.length === MAX_EXTENSIONS) {
        throw new FerryError('vmstate.extension', `More than ${MAX_EXTENSIONS} extensions.`)
      }
      const extension = decodeExtension(section)
      once(seen, `the extension ${extension.section}.${extension.path}`)
      extensions.push(extension)
      continue
    }
    const rule = RULE_BY_ID.get(section.id)
    if (rule === undefined) {
      if (section.optional) continue
      const message = `Section ${section.id} is unknown here and must not be skipped.`
      throw new FerryError('vmstate.unknown-section', message, { id: section.id })
    }
    once(seen, `the section ${rule.name}`)
    values[rule.name] = decodeSection(rule, section)
  }
  for (const rule of RULES) {
    if (rule.required && values[rule.name] === undefined) {
      throw new FerryError('vmstate.missing', `The section ${rule.name} is missing.`, { section: rule.name })
    }
  }
  // Every value was read with its section's table, and every required one is there.
  const state = values as MachineState
  checkState(state)
  return { state, extensions }
}

function decodeSection(rule: SectionRule, { version, body }: RawSection): unknown {
  checkVersion(rule.name, version, rule.version)
  const { bytes } = rule.type
  if (body.length > bytes) {
    const message = `The section ${rule.name} has ${body.length} bytes; ${bytes} are possible.`
    throw new FerryError('vmstate.section-size', message, { section: rule.name, bytes: body.length })
  }
  if (body.length === bytes) return rule.type.decode(body)
  scratch.fill(0, body.length, bytes)
  scratch.set(body)
  return rule.type.decode(scratch)
}

function decodeExtension({ version, body }: RawSection): Extension {
  checkVersion('extension', version, EXTENSION_VERSION)
  const malformed = (): FerryError => new FerryError('vmstate.extension', 'An extension is malformed.')
  const pathLength = body[2]
  if (pathLength === undefined || body[3] !== 0 || body.length < EXTENSION_HEAD + pathLength) throw malformed()
  const rule = RULE_BY_ID.get((body[0] ?? 0) | ((body[1] ?? 0) << 8))
  if (rule === undefined) throw malformed()
  const from = EXTENSION_HEAD + pathLength
  const path = String.fromCharCode(...body.subarray(EXTENSION_HEAD, from))
  const compiled = compilePath(rule.name, path)
  if (body.length - from > compiled.bytes) throw malformed()
  const bytes = new Uint8Array(compiled.bytes)
  bytes.set(body.subarray(from))
  return { section: rule.name, path, bytes }
}

function checkVersion(section: string, version: number, known: number): void {
  if (version >= 1 && version <= known) return
  const message = `The section ${section} has version ${version}; this side reads up to ${known}.`
  throw new FerryError('vmstate.section-version', message, { section, version, known })
}

function once(seen: Set<string>, what: string): void {
  if (seen.has(what)) throw new FerryError('vmstate.duplicate', `There is more than one of ${what}.`)
  seen.add(what)
}
