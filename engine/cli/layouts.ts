/** `ferry layouts`: the native records of all hypervisors and the device model, field by field. */
import type { Command } from 'commander'
import { type LayoutTable, layoutTables } from '../hypervisors/layouts.ts'
import { EXIT, usageError } from './errors.ts'
import { jsonOption } from './options.ts'
import { print, printJson } from './output.ts'
import { type Column, table } from './table.ts'

type Field = LayoutTable['fields'][number]

const HELP = `
Offsets and sizes are in bytes. Xen's and KVM's records are C structs, in the byte order of x86 (little); those of
QEMU and of the device model are QEMU's vmstate fields, big-endian, one after the other.
JSON: an array of {owner, record, bytes, byteOrder, fields: [{name, offset, bytes, type, padding}]}.
Exit codes: 0 done, 2 no such record.

Examples:
  ferry layouts
  ferry layouts kvm_regs
  ferry layouts --json hvm_hw_cpu`

export function layoutsCommand(program: Command, done: (code: number) => void): void {
  program
    .command('layouts [record]')
    .description('byte layouts of the native records')
    .addOption(jsonOption('an array of layouts'))
    .addHelpText('after', HELP)
    .action((record: string | undefined, options: { json?: true }) => {
      const all = layoutTables()
      const wanted = record === undefined ? all : all.filter((layout) => layout.record === record)
      if (wanted.length === 0) {
        const near = all.filter((layout) => layout.record.includes(record ?? '')).map((layout) => layout.record)
        const hint = near.length > 0 ? `Do you mean ${near.slice(0, 6).join(', ')}?` : '`ferry layouts` lists all.'
        throw usageError(`There is no record "${record}". ${hint}`)
      }
      if (options.json === true) printJson(wanted)
      else if (record === undefined)
        print(`${table(RECORDS, all)}\n\n\`ferry layouts RECORD\` shows the fields of one.`)
      else print(wanted.map(layoutText).join('\n\n'))
      done(EXIT.ok)
    })
}

function layoutText(layout: LayoutTable): string {
  const head = `${layout.record} (${layout.owner}), ${layout.bytes} bytes, ${layout.byteOrder}-endian`
  const bits = layout.fields.flatMap(({ name, bits }) =>
    (bits ?? []).map((bit) => `  ${name}: bits ${bit.shift}–${bit.shift + bit.width - 1} ${bit.name}`),
  )
  return [head, table(FIELDS, layout.fields), ...(bits.length === 0 ? [] : ['', ...bits])].join('\n')
}

const RECORDS: readonly Column<LayoutTable>[] = [
  { title: 'of', cell: ({ owner }) => owner },
  { title: 'record', cell: ({ record }) => record },
  { title: 'bytes', align: 'right', cell: ({ bytes }) => String(bytes) },
  { title: 'fields', align: 'right', cell: ({ fields }) => String(fields.filter(({ padding }) => !padding).length) },
]

const FIELDS: readonly Column<Field>[] = [
  { title: 'offset', align: 'right', cell: ({ offset }) => String(offset) },
  { title: 'bytes', align: 'right', cell: ({ bytes }) => String(bytes) },
  { title: 'field', cell: ({ name, padding }) => (padding ? `(padding ${name})` : name) },
  { title: 'type', cell: ({ type }) => type },
]
