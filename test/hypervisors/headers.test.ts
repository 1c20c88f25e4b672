import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { layoutTables, type LayoutTable } from '../../engine/hypervisors/layouts.ts'
import { because, lacks, NEEDS } from '../setup/needs.ts'

/** Flexible arrays end these structs: the table has them with the elements that the machine uses. */
const FLEXIBLE: Readonly<Record<string, string>> = { kvm_msrs: 'entries' }
/** Later versions of Xen append to it. */
const APPENDED: Readonly<Record<string, number>> = { hvm_hw_lapic: 32 }
/** Padding that C leaves without a name. */
const NAMELESS = new Set(['hvm_msr.reserved'])
/** Structs whose `unsigned long` has 32 bits: they need a 32-bit compilation. */
const PV = new Set(['vcpu_guest_context', 'cpu_user_regs', 'trap_info'])

const all = layoutTables().filter((t) => t.owner === 'xen' || (t.owner === 'kvm' && t.byteOrder === 'little'))
const tables = all.filter((t) => !PV.has(t.record))

/** Runs `work` with a directory that is gone afterwards. */
function inDirectory<T>(work: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'ferry-headers-'))
  try {
    return work(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const INCLUDES = `
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/hvm/save.h>
`
const missing = lacks(NEEDS.compiler, NEEDS.xenHeaders, NEEDS.kvmHeaders)

function plainFields(t: LayoutTable): LayoutTable['fields'] {
  return t.fields.filter((f) => f.bits === undefined && !NAMELESS.has(`${t.record}.${f.name}`))
}

/** A program that prints `struct`, `field`, `offset`, `bytes`, and for bit-fields the bytes of the struct with it set. */
function program(): string {
  const lines = tables.flatMap((t) => {
    const s = `struct ${t.record}`
    const fields = plainFields(t).map((f) => {
      const size = FLEXIBLE[t.record] === f.name ? '(size_t)0' : `sizeof(((${s} *)0)->${f.name})`
      return `printf("${t.record} ${f.name} %zu %zu\\n", offsetof(${s}, ${f.name}), ${size});`
    })
    const bits = t.fields.flatMap((f) =>
      (f.bits ?? []).map(
        (b) =>
          `{ ${s} s; memset(&s, 0, sizeof s); s.${b.name} = ~0u; dump("${t.record}", "${b.name}", &s, sizeof s); }`,
      ),
    )
    return [`printf("${t.record} - %zu 0\\n", sizeof(${s}));`, ...fields, ...bits]
  })
  return `${INCLUDES}#include <stdio.h>
#include <string.h>
#include <linux/kvm.h>
static void dump(const char *record, const char *name, const void *data, size_t size) {
  printf("%s %s bits ", record, name);
  for (size_t i = 0; i < size; i++) printf("%02x", ((const unsigned char *)data)[i]);
  printf("\\n");
}
int main(void) {
${lines.join('\n')}
return 0;
}
`
}

function build(directory: string): Map<string, string> {
  const source = join(directory, 'layouts.c')
  const binary = join(directory, 'layouts')
  writeFileSync(source, program())
  execFileSync('gcc', ['-std=gnu11', '-Wno-overflow', '-o', binary, source])
  const lines = execFileSync(binary, { encoding: 'utf8' }).trim().split('\n')
  return new Map(
    lines.map((line) => {
      const [record = '', field = '', ...values] = line.split(' ')
      return [`${record}.${field}`, values.join(' ')]
    }),
  )
}

describe.skipIf(missing !== undefined)(`native layouts${because(missing)}`, () => {
  const headers = missing !== undefined ? new Map<string, string>() : inDirectory(build)

  it.each(tables)('$record has the size and the offsets of the C struct', (t) => {
    const flexible = t.fields.find((f) => f.name === FLEXIBLE[t.record])
    const size = t.bytes - (flexible?.bytes ?? 0)
    expect([`${size} 0`, `${APPENDED[t.record] ?? size} 0`]).toContain(headers.get(`${t.record}.-`))
    for (const f of plainFields(t)) {
      const bytes = f === flexible ? 0 : f.bytes
      expect(headers.get(`${t.record}.${f.name}`), `${t.record}.${f.name}`).toBe(`${f.offset} ${bytes}`)
    }
  })

  it.each(tables.filter((t) => t.fields.some((f) => f.bits !== undefined)))(
    '$record has the bit-fields of the C struct',
    (t) => {
      for (const f of t.fields) {
        for (const b of f.bits ?? []) {
          const image = Buffer.alloc(t.bytes)
          const value = ((2 ** b.width - 1) * 2 ** b.shift) >>> 0
          image.writeUIntLE(value, f.offset, f.bytes)
          expect(headers.get(`${t.record}.${b.name}`), b.name).toBe(`bits ${image.toString('hex')}`)
        }
      }
    },
  )

  it('vcpu_guest_context has the sizes and offsets of a 32-bit compilation', (context) => {
    const asserts = all
      .filter((t) => PV.has(t.record))
      .flatMap((t) => [
        `_Static_assert(sizeof(struct ${t.record}) == ${t.bytes}, "size of ${t.record}");`,
        ...t.fields.flatMap((f) => [
          `_Static_assert(offsetof(struct ${t.record}, ${f.name}) == ${f.offset}, "offset of ${t.record}.${f.name}");`,
          `_Static_assert(sizeof(((struct ${t.record} *)0)->${f.name}) == ${f.bytes}, "size of ${t.record}.${f.name}");`,
        ]),
      ])
    const compile = (source: string): string =>
      inDirectory((directory) => {
        const file = join(directory, 'pv.c')
        writeFileSync(file, source)
        const options = ['-m32', '-ffreestanding', '-fsyntax-only', '-std=gnu11', file]
        return spawnSync('gcc', options, { encoding: 'utf8' }).stderr
      })
    if (compile('#include <stdint.h>\n') !== '') context.skip('gcc cannot compile for 32 bits')
    expect(compile(`${INCLUDES}${asserts.join('\n')}\n`)).toBe('')
  })
})
