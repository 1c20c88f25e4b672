/** Where the inspector says a field went is where the engine puts it. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RecordView, StateView } from '../../engine/contract/lab.ts'
import { kvm } from '../../engine/hypervisors/kvm/kvm.ts'
import { qemu } from '../../engine/hypervisors/qemu/qemu.ts'
import { xen } from '../../engine/hypervisors/xen/xen.ts'
import { stateOf } from '../../engine/lab/inspect.ts'
import { commonOf, fieldId, linksOf, lossFinder, searchRecords } from '../../renderer/src/views/inspectors/state-map.ts'
import { qemuState } from '../hypervisors/qemu/qemu-state.ts'
import { arbitraryState } from '../vmstate/arbitrary-state.ts'

const states = fc.sample(arbitraryState, { numRuns: 40, seed: 7 })
const intoQemu = fc.sample(qemuState, { numRuns: 40, seed: 7 }).map((state) => stateOf(kvm, qemu, state))
const views = [...states.map((state) => stateOf(xen, kvm, state)), ...intoQemu]

function fieldsOf(records: readonly RecordView[]) {
  return records.flatMap((record) =>
    record.fields.map((field) => ({ record, field, name: `${record.name}#${record.instance}.${field.path}` })),
  )
}
function functionsOf(view: StateView) {
  const fields = view.common.find(({ name }) => name === 'pci')?.fields ?? []
  const at = (path: string) => Number(fields.find((field) => field.path === path)?.value)
  const count = at('count')
  return (devfn: number) => Array.from({ length: count }, (_, i) => at(`functions[${i}].devfn`)).indexOf(devfn)
}

/** Computed from several devices, or from the clock of the host; they are never read back. */
const COMPUTED = [
  /^hvm_hw_pci_irqs/,
  /^hvm_hw_pci_link/,
  /^PCIBUS/,
  /^PIIX3/,
  /^kvm_clock_data#0\.realtime/,
  /^mc146818rtc#0\.last_update/,
]
/** QEMU takes a guest with one value of these only: they are nowhere in its records. */
const FIXED_IN_QEMU = /^cpu#0\.(efer|tscKHz)$/

describe('the map of the state', () => {
  it('leads only to fields that exist', () => {
    for (const view of views) {
      const known = new Set(fieldsOf(view.common).map(({ record, field }) => `${record.name}.${field.path}`))
      const sections = new Set(view.common.map(({ name }) => name))
      for (const { record, field } of fieldsOf([...view.source.records, ...view.target.records])) {
        for (const ref of commonOf(record, field.path, functionsOf(view))) {
          if (sections.has(ref.slice(0, ref.indexOf('.')))) expect(known).toContain(ref)
        }
      }
    }
  })

  it('knows of every native field that is not the same in all states', () => {
    const seen = new Map<string, { name: string; values: Set<string>; mapped: boolean }>()
    for (const view of views) {
      for (const { kind, records } of [view.source, view.target]) {
        for (const { record, field, name } of fieldsOf(records)) {
          // What one kind fixes another may fix otherwise.
          const entry = seen.get(`${kind} ${name}`) ?? {
            name,
            values: new Set(),
            mapped: commonOf(record, field.path, functionsOf(view)).length > 0,
          }
          entry.values.add(field.value)
          seen.set(`${kind} ${name}`, entry)
        }
      }
    }
    const forgotten = [...seen.values()].filter(
      ({ name, values, mapped }) => values.size > 1 && !mapped && !COMPUTED.some((c) => c.test(name)),
    )
    expect(forgotten.map(({ name }) => name)).toEqual([])
  })

  it.each([
    ['source', views[0]],
    ['target', views[0]],
    ['target', intoQemu[0]],
  ] as const)('has for every common field a native one on the %s, or the reason why not (%#)', (column, view) => {
    if (view === undefined) throw new Error('no view')
    const reached = new Set(
      fieldsOf(view[column].records).flatMap(({ record, field }) => commonOf(record, field.path, functionsOf(view))),
    )
    const { kind } = view[column]
    const lossesAt = lossFinder(view)
    const missing = fieldsOf(view.common)
      .filter(({ record, field }) => {
        const lost = lossesAt(record.name, field.path).some((loss) => loss.kind === kind)
        return !lost && !reached.has(`${record.name}.${field.path}`)
      })
      .map(({ name }) => name)
      // The number of functions is that of the records, a function's number its record's instance.
      .filter((name) => !/^pci#0\.(count|functions\[)/.test(name))
      .filter((name) => kind !== 'qemu' || !FIXED_IN_QEMU.test(name))
    expect(missing).toEqual([])
  })

  it('shows equal values where a field is carried as it is', () => {
    for (const view of views.slice(0, 5)) {
      const number = (records: readonly RecordView[], record: string, path: string) =>
        BigInt(records.find(({ name }) => name === record)?.fields.find((field) => field.path === path)?.value ?? -1)
      const eax = number(view.common, 'cpu', 'eax')
      expect(number(view.source.records, 'hvm_hw_cpu', 'rax')).toBe(eax)
      expect(number(view.target.records, 'kvm_regs', 'rax')).toBe(eax)
    }
  })

  it('leads from a field to its counterparts, in both directions', () => {
    const view = views[0]
    if (view === undefined) throw new Error('no view')
    const links = linksOf(view)
    const xenRax = fieldId('source', { name: 'hvm_hw_cpu', instance: 0 }, 'rax')
    const eax = fieldId('common', { name: 'cpu', instance: 0 }, 'eax')
    const kvmRax = fieldId('target', { name: 'kvm_regs', instance: 0 }, 'rax')
    for (const id of [xenRax, eax, kvmRax]) expect([...links.related(id)].sort()).toEqual([eax, xenRax, kvmRax].sort())
    const rights = links.related(fieldId('source', { name: 'hvm_hw_cpu', instance: 0 }, 'ss_arbytes'))
    expect(rights).toContain(fieldId('target', { name: 'kvm_sregs2', instance: 0 }, 'ss.dpl'))
  })

  it('finds QEMU’s disk controller in ours, and its registers by number', () => {
    expect(commonOf({ name: 'PCIDevice', instance: 9 }, 'config', (devfn) => (devfn === 240 ? 3 : -1))).toEqual([
      'pci.functions[3].config',
    ])
    expect(commonOf({ name: 'cpu', instance: 0 }, 'regs[4]')).toEqual(['cpu.esp'])
    expect(commonOf({ name: 'cpu', instance: 0 }, 'segs[2].flags')).toContain('cpu.cpl')
  })

  it('keeps like devices apart', () => {
    expect(commonOf({ name: 'hvm_hw_vpic', instance: 1 }, 'irr')).toEqual(['picSlave.irr'])
    expect(commonOf({ name: 'ide_drive', instance: 3 }, 'error')).toEqual(['ide.channels[1].drives[1].error'])
    expect(commonOf({ name: 'dma', instance: 1 }, 'regs[2].now[0]')).toEqual(['dma.channels[6].address'])
    expect(commonOf({ name: 'PCIDevice', instance: 8 }, 'config', (devfn) => (devfn === 8 ? 1 : -1))).toEqual([
      'pci.functions[1].config',
    ])
    expect(commonOf({ name: 'hvm_hw_mtrr', instance: 0 }, 'msr_pat_cr')).toEqual([])
  })

  it('gives the reason of every place that a native form lacks', () => {
    const not_representable = [
      { kind: 'xen' as const, section: 'cpu', path: 'pdpte', reason: 'R1' },
      { kind: 'kvm' as const, section: 'pit', path: 'channels.*.enabled', reason: 'R2' },
      { kind: 'kvm' as const, section: 'serial', path: 'rx[16..4095]', reason: 'R3' },
      { kind: 'xen' as const, section: 'lapic', path: '', reason: 'R4' },
    ]
    const reasons = lossFinder({ not_representable })
    expect(reasons('cpu', 'pdpte[2]')).toEqual([{ kind: 'xen', reason: 'R1', part: null }])
    expect(reasons('pit', 'channels[1].enabled')).toMatchObject([{ reason: 'R2' }])
    expect(reasons('pit', 'channels[1].mode')).toEqual([])
    expect(reasons('serial', 'rx')).toEqual([{ kind: 'kvm', reason: 'R3', part: '16–4095' }])
    expect(reasons('serial', 'rxLength')).toEqual([])
    expect(reasons('lapic', 'tpr')).toMatchObject([{ reason: 'R4' }])
  })

  it('finds fields by record, path and value', () => {
    const records: RecordView[] = [
      {
        name: 'kvm_regs',
        instance: 0,
        bytes: 16,
        fields: [{ path: 'rax', offset: 0, bytes: 8, type: 'u64', value: '0x00ff' }],
      },
      {
        name: 'pit',
        instance: 0,
        bytes: 1,
        fields: [{ path: 'mode', offset: 0, bytes: 1, type: 'u8', value: '0x02' }],
      },
    ]
    expect(searchRecords(records, 'FF').map(({ name }) => name)).toEqual(['kvm_regs'])
    expect(searchRecords(records, 'pit.mode').map(({ name }) => name)).toEqual(['pit'])
    expect(searchRecords(records, ' ')).toHaveLength(2)
    expect(searchRecords(records, 'nothing')).toEqual([])
  })
})
