/** A run's provenance for reading: plain lines, and whether the machine was busy. */
import { bytes, fixed } from '../../data/format.ts'

export interface ProvenanceLine {
  readonly name: string
  readonly value: string
}

/** Nested values become `settings.link`; empty ones are left out. */
export function provenanceLines(value: unknown, name = ''): ProvenanceLine[] {
  if (value === null || value === undefined) return []
  if (Array.isArray(value)) return [{ name, value: value.map(String).join(', ') }]
  if (typeof value === 'object') {
    return Object.entries(value).flatMap(([key, inner]) => provenanceLines(inner, name === '' ? key : `${name}.${key}`))
  }
  return [{ name, value: shown(name, value) }]
}

function shown(name: string, value: unknown): string {
  if (typeof value === 'number' && name.endsWith('_B')) return `${value} (${bytes(value)})`
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value)
}

const number = (provenance: Readonly<Record<string, unknown>>, key: string): number | null => {
  const value = provenance[key]
  return typeof value === 'number' ? value : null
}

/** Null where the machine had cores to spare, or where that is not known. */
export function busyWarning(provenance: Readonly<Record<string, unknown>>): string | null {
  const load = number(provenance, 'load_average_1min')
  const cores = number(provenance, 'cores')
  if (load === null || cores === null || load <= cores) return null
  return `The machine was busy: a load of ${fixed(load, 2)} on ${cores} cores. Times of this run may be too long.`
}

/** The clock and its resolution, in a sentence. */
export function clockSentence(provenance: Readonly<Record<string, unknown>>): string {
  const resolution = number(provenance, 'clock_resolution_ms')
  const fine = resolution === null ? '' : ` with a resolution of ${fixed(resolution * 1000, 2)} µs`
  return `Times are those of the lab service’s monotonic clock${fine}.`
}
