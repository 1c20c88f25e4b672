/** Figures as people read them; the same rules as the command line's. Exact values are in the exports. */
import { count, fixed, plural } from '../data/format.ts'

export { count, plural }

/** `4.34 ms`, `72.6 ms`, `461 ms`, `4 610 ms`, `12.5 s`. */
export function ms(value: number): string {
  if (value < 0) return `−${ms(-value)}`
  if (value >= 10_000) return `${fixed(value / 1000, 1)} s`
  return `${msFigure(value)} ms`
}

/** The figure alone, always in ms. */
export function msFigure(value: number): string {
  return fixed(value, value < 10 ? 2 : value < 100 ? 1 : 0)
}

/** Microseconds, as the waits for pages are told: `1 240 µs`. */
export const us = (value: number | null): string => (value === null ? '–' : `${count(value)} µs`)

export const msOrDash = (value: number | null): string => (value === null ? '–' : ms(value))

/** Traffic, in powers of 1000 as link rates are: `512 B`, `18.2 MB`. */
export function traffic(bytes: number): string {
  if (bytes < 1000) return `${bytes.toFixed(0)} B`
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
}

/** Bits per second, as links are named: `812 Mbit/s`. */
export function bits(perSecond: number): string {
  const trimmed = (value: number, digits: number) => String(Number(value.toFixed(digits)))
  if (perSecond < 1e6) return `${trimmed(perSecond / 1e3, 0)} kbit/s`
  return perSecond < 1e9 ? `${trimmed(perSecond / 1e6, 1)} Mbit/s` : `${trimmed(perSecond / 1e9, 2)} Gbit/s`
}

/** Bytes per second in bits, of steady width: for figures that change while one looks. */
export function rate(bytesPerSecond: number): string {
  const value = bytesPerSecond * 8
  if (value < 1e6) return `${(value / 1e3).toFixed(0)} kbit/s`
  return value < 1e9 ? `${(value / 1e6).toFixed(0)} Mbit/s` : `${(value / 1e9).toFixed(2)} Gbit/s`
}

/** Memory, in powers of 1024: `128 MiB`. */
export function memory(bytes: number): string {
  if (bytes >= 2 ** 20 || bytes === 0)
    return `${String(Number((bytes / 2 ** 20).toFixed(bytes >= 100 * 2 ** 20 ? 0 : 1)))} MiB`
  return `${(bytes / 1024).toFixed(0)} KiB`
}

/** What is left to do after the switch-over. */
export function pullingText(pull: { state: string; left_pages: number; requests: number }, from: string): string {
  const doing = pull.state === 'paused' ? 'paused' : 'pulling'
  return `${doing}: ${plural(pull.left_pages, 'page')} still at ${from}, ${count(pull.requests)} asked for`
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? '0 %' : `${((100 * part) / whole).toFixed(0)} %`
}

const two = (value: number): string => String(value).padStart(2, '0')

/** Local time to the second: `14:05:09`, with the day where it is not today's. */
export function localTime(iso: string, now = new Date()): string {
  const date = new Date(iso)
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  if (date.toDateString() === now.toDateString()) return time
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`
}
