/** Figures and names as the screen shows them. Units stand in headers; dot decimals; groups of three by a thin space. */
import type { HostKind, RunReport } from '../../../engine/contract/report.ts'

/** What stands for a figure that was not measured. */
export const NONE = '–'
const THIN_SPACE = '\u202f'
const MIB = 2 ** 20

/** With a fixed number of decimals, so that a column lines up. */
export function fixed(value: number | null | undefined, decimals: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE
  const [whole = '', fraction] = Math.abs(value).toFixed(decimals).split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, THIN_SPACE)
  const sign = value < 0 && Number(value.toFixed(decimals)) !== 0 ? '−' : ''
  return sign + grouped + (fraction === undefined ? '' : `.${fraction}`)
}

export const count = (value: number | null | undefined): string => fixed(value, 0)

/** About three digits: what a sentence needs. */
export function about(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE
  const size = Math.abs(value)
  return fixed(value, size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : 2)
}

export const milliseconds = (value: number | null | undefined): string =>
  value === null || value === undefined ? NONE : `${about(value)}${THIN_SPACE}ms`

/** Memory. */
export const mebibytes = (bytes: number | null | undefined, decimals = 1): string =>
  bytes === null || bytes === undefined ? NONE : fixed(bytes / MIB, decimals)

/** Traffic, in powers of 1000 as link rates are. */
export const megabytes = (bytes: number | null | undefined, decimals = 1): string =>
  bytes === null || bytes === undefined ? NONE : fixed(bytes / 1e6, decimals)

/** Memory and files, with the unit that suits. Traffic: `traffic` of units.ts. */
export function bytes(value: number): string {
  if (value < 1024) return `${count(value)}${THIN_SPACE}B`
  if (value < MIB) return `${about(value / 1024)}${THIN_SPACE}KiB`
  if (value < 1024 * MIB) return `${about(value / MIB)}${THIN_SPACE}MiB`
  return `${about(value / (1024 * MIB))}${THIN_SPACE}GiB`
}

/** How long people wait: `40 s`, `12 min`, `1 h 5 min`. */
export function duration(value_ms: number): string {
  const seconds = Math.round(value_ms / 1000)
  if (seconds < 90) return `${seconds}${THIN_SPACE}s`
  const minutes = Math.round(seconds / 60)
  const hours = Math.floor(minutes / 60)
  return hours === 0 ? `${minutes}${THIN_SPACE}min` : `${hours}${THIN_SPACE}h ${minutes % 60}${THIN_SPACE}min`
}

const two = (value: number): string => String(value).padStart(2, '0')

/** Date and time of day, in the user's zone. */
export function moment(iso: string): string {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return iso
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

export const hex = (value: number, digits = 1): string => `0x${value.toString(16).padStart(digits, '0')}`

const KINDS: Readonly<Record<HostKind, string>> = { xen: 'Xen', kvm: 'KVM', qemu: 'QEMU' }
/** As a host of that kind is called: two of them are Ferry's own. */
const HOSTS: Readonly<Record<HostKind, string>> = { xen: 'Xen-like', kvm: 'KVM-like', qemu: 'QEMU' }
export const hostTitle = (kind: HostKind): string => HOSTS[kind]
export const kindTitle = (kind: HostKind): string => KINDS[kind]

export type Direction = `${HostKind}-${HostKind}`
export { DIRECTIONS } from '../../../engine/contract/experiment-plan.ts'
export const directionOf = (run: Pick<RunReport, 'from_kind' | 'to_kind'>): Direction =>
  `${run.from_kind}-${run.to_kind}`
export function directionTitle(direction: Direction): string {
  const [from, to] = direction.split('-') as [HostKind, HostKind]
  return `${KINDS[from]} → ${KINDS[to]}`
}

/** `1 run`, `2 runs`. */
export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`
