/** Where each field of a guest's state went: between the source's native records, the common format, and the target's. */
import type { FieldView, RecordView, StateView } from '../../../../engine/contract/lab.ts'
import type { HostKind } from '../../../../engine/contract/report.ts'
import { RULES } from './state-rule-tables.ts'
import type { Place } from './state-rules.ts'

export const COLUMNS = ['source', 'common', 'target'] as const
export type ColumnName = (typeof COLUMNS)[number]
/** Names one field on the screen. */
export type FieldId = string

export const fieldId = (column: ColumnName, record: Pick<RecordView, 'name' | 'instance'>, path: string): FieldId =>
  `${column} ${record.name}#${record.instance} ${path}`

/** A field of the common format as rules name it: `cpu.eax`. */
const commonRef = (section: string, path: string): string => `${section}.${path}`
const indicesOf = (path: string): number[] => [...path.matchAll(/\[(\d+)\]/g)].map(([, digits]) => Number(digits))

/**
 * The fields of the common format that a native field is made from; empty for one that the hypervisor fixes or computes.
 * A path with an index of its own in the rules comes before one with `*`.
 */
export function commonOf(
  record: Pick<RecordView, 'name' | 'instance'>,
  path: string,
  functionAt: Place['functionAt'] = () => -1,
): string[] {
  const rules = RULES[record.name]
  if (rules === undefined) return []
  const indices = indicesOf(path)
  const rule = rules[path] ?? rules[path.replace(/\[\d+\]/, '[*]')] ?? rules[path.replaceAll(/\[\d+\]/g, '[*]')]
  if (rule === undefined) return []
  if (typeof rule === 'function') return [...rule({ instance: record.instance, indices, functionAt })]
  return [rule].flat().map((ref) => {
    let next = 0
    return ref.replaceAll('*', () => String(indices[next++] ?? 0))
  })
}

export interface Loss {
  readonly kind: HostKind
  readonly reason: string
  /** Bytes from–to where only a part of a byte string has no place. */
  readonly part: string | null
}

/** Asked for a section and a path: why a native form has no place for this field; empty where each has one. */
export type LossFinder = (section: string, path: string) => Loss[]

/** Reads what has no place once: it is asked for every field. */
export function lossFinder({ not_representable }: Pick<StateView, 'not_representable'>): LossFinder {
  const sections = new Map<string, { readonly named: readonly string[]; readonly loss: Loss }[]>()
  for (const { section, path, kind, reason } of not_representable) {
    const range = /^(.*)\[(\d+)\.\.(\d+)\]$/.exec(path)
    const named = range?.[1] ?? path
    const entry = {
      named: named === '' ? [] : named.split('.'),
      loss: { kind, reason, part: range === null ? null : `${range[2]}–${range[3]}` },
    }
    const entries = sections.get(section)
    if (entries === undefined) sections.set(section, [entry])
    else entries.push(entry)
  }
  return (section, path) => {
    const entries = sections.get(section)
    if (entries === undefined) return []
    // `channels.*.enabled` covers `channels[2].enabled`; `pdpte` covers `pdpte[0]`; an empty path covers all.
    const parts = path.replaceAll(/\[(\d+)\]/g, '.$1').split('.')
    const covers = (named: readonly string[]) => named.every((part, i) => part === '*' || part === parts[i])
    return entries.filter(({ named }) => covers(named)).map(({ loss }) => loss)
  }
}

export interface StateLinks {
  /** The field itself and all that it is made from or went to. */
  readonly related: (id: FieldId) => ReadonlySet<FieldId>
  readonly losses: (id: FieldId) => readonly Loss[]
}

/** Reads a view: what was lost at once, for it is shown; where fields went when it is first asked for. Then all is a look-up. */
export function linksOf(view: StateView): StateLinks {
  const losses = new Map<FieldId, Loss[]>()
  const lossesAt = lossFinder(view)
  for (const record of view.common) {
    for (const { path } of record.fields) {
      const lost = lossesAt(record.name, path)
      if (lost.length > 0) losses.set(fieldId('common', record, path), lost)
    }
  }
  let ways: Ways | undefined
  return {
    related: (id) => relatedTo(id, (ways ??= waysOf(view))),
    losses: (id) => losses.get(id) ?? [],
  }
}

interface Ways {
  readonly toCommon: ReadonlyMap<FieldId, readonly FieldId[]>
  readonly toNative: ReadonlyMap<FieldId, readonly FieldId[]>
}

function waysOf(view: StateView): Ways {
  const toCommon = new Map<FieldId, FieldId[]>()
  const toNative = new Map<FieldId, FieldId[]>()
  const known = new Map<string, FieldId>()
  for (const record of view.common) {
    for (const { path } of record.fields) known.set(commonRef(record.name, path), fieldId('common', record, path))
  }
  const functionAt = functionFinder(view.common)
  for (const column of ['source', 'target'] as const) {
    for (const record of view[column].records) {
      for (const { path } of record.fields) {
        const id = fieldId(column, record, path)
        const ends = commonOf(record, path, functionAt).flatMap((ref) => known.get(ref) ?? [])
        if (ends.length === 0) continue
        toCommon.set(id, ends)
        for (const end of ends) toNative.set(end, [...(toNative.get(end) ?? []), id])
      }
    }
  }
  return { toCommon, toNative }
}

function relatedTo(id: FieldId, { toCommon, toNative }: Ways): ReadonlySet<FieldId> {
  const commons = toCommon.get(id) ?? (id.startsWith('common ') ? [id] : [])
  const column = id.slice(0, id.indexOf(' '))
  // From a native field on: to the other side, not back to its own neighbours.
  const natives = commons.flatMap((common) => toNative.get(common) ?? []).filter((end) => !end.startsWith(`${column} `))
  return new Set([id, ...commons, ...natives])
}

/** A function of the bus has its number as a field in the common format, and as its record's instance natively. */
function functionFinder(common: readonly RecordView[]): Place['functionAt'] {
  const fields = common.find(({ name }) => name === 'pci')?.fields ?? []
  const value = (path: string): number => Number(fields.find((field) => field.path === path)?.value ?? -1)
  const present = value('count')
  const numbers = Array.from({ length: Math.max(0, present) }, (_, i) => value(`functions[${i}].devfn`))
  return (devfn) => numbers.indexOf(devfn)
}

/** Fields whose record, path or value has the words. Empty words find all. */
export function searchRecords(records: readonly RecordView[], words: string): RecordView[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean)
  if (wanted.length === 0) return [...records]
  const has = (record: RecordView, field: FieldView): boolean => {
    const text = `${record.name} ${record.name}.${field.path} ${field.value}`.toLowerCase()
    return wanted.every((word) => text.includes(word))
  }
  return records
    .map((record) => ({ ...record, fields: record.fields.filter((field) => has(record, field)) }))
    .filter(({ fields }) => fields.length > 0)
}
