import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { FieldType, RecordType } from '../../engine/util/record.ts'
import { containerHeader, sectionHeader } from '../../engine/vmstate/container.ts'
import { SECTION_NAMES, SECTIONS } from '../../engine/vmstate/state.ts'
import { kvm } from '../../engine/hypervisors/kvm/kvm.ts'
import { qemu } from '../../engine/hypervisors/qemu/qemu.ts'
import { xen } from '../../engine/hypervisors/xen/xen.ts'

const spec = readFileSync(new URL('../../engine/vmstate/SPEC.md', import.meta.url), 'utf8')

/** Rows of all tables, cells trimmed; by the heading above them. */
const chapters = spec.split(/^#+ /m).map((chapter) => ({
  title: chapter.slice(0, chapter.indexOf('\n')),
  rows: chapter
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
    .map((cells) => cells.slice(1, -1)),
}))
const rowsOf = (title: RegExp): string[][] => chapters.find((c) => title.test(c.title))?.rows ?? []

function nested(type: FieldType<unknown>): RecordType<unknown>[] {
  const inner = type.element ?? type
  if (!('fields' in inner)) return type.element === undefined ? [] : nested(type.element)
  const record = inner as RecordType<unknown>
  return [record, ...record.fields.flatMap((f) => nested(f.type))]
}

describe('the specification of the common format', () => {
  it.each(SECTION_NAMES)('has the section %s with its number, version and size', (name) => {
    const { id, version, type, required } = SECTIONS[name]
    const row = [id, name, version, type.bytes, required ? 'required' : 'if present'].map(String)
    expect(rowsOf(/^Sections/)).toContainEqual(row)
  })

  const records = new Map(
    SECTION_NAMES.flatMap((name) =>
      nested(SECTIONS[name].type).map((t) => [t.name, { heading: t === SECTIONS[name].type ? name : t.name, type: t }]),
    ),
  )
  it.each([...records.values()])('has every field of $heading with offset, type and meaning', ({ heading, type }) => {
    const rows = rowsOf(new RegExp(`(^|\\W)${heading === 'picSlave' ? 'picMaster' : heading}(\\W|$)`))
    const fields = type.layout.map((f) => [f.name, String(f.offset), f.type])
    expect(rows.slice(2).map((cells) => cells.slice(0, 3))).toEqual(fields)
    for (const [, , , meaning] of rows) expect(meaning).not.toBe('')
  })

  it.each([
    [/^Header/, containerHeader],
    [/^Section header/, sectionHeader],
  ] as const)('has the layout of the container: %s', (title, type) => {
    const fields = type.layout.map((f) => [f.name, String(f.offset), f.type])
    expect(
      rowsOf(title)
        .slice(2)
        .map((cells) => cells.slice(0, 3)),
    ).toEqual(fields)
  })

  it.each([
    [/^Xen/, xen],
    [/^KVM/, kvm],
    [/^QEMU/, qemu],
  ] as const)('lists what cannot be held by %s', (title, hypervisor) => {
    const list = hypervisor.notRepresentable.map((n) => [`${n.section}.${n.path}`, n.reason])
    expect(rowsOf(title).slice(2)).toEqual(list)
  })
})
