/** Figures as people read them. Exact values are in `--json` and in the CSV. */

/** Milliseconds: `4.34 ms`, `72.6 ms`, `461 ms`, `12.5 s`. */
export function ms(value: number): string {
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`
  return `${msFigure(value)} ms`
}

/** How long people wait: `40 s`, `12 min`, `1 h 5 min`. */
export function duration(value_ms: number): string {
  const seconds = Math.round(value_ms / 1000)
  if (seconds < 90) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** The figure alone, always in ms. */
export function msFigure(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)
}

/** Traffic, in powers of 1000 as link rates are: `512 B`, `18.2 MB`. */
export function traffic(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
}

/** A rate in bits per second, as links are named: `812 Mbit/s`. */
export function bitRate(bytesPerSecond: number): string {
  const bits = bytesPerSecond * 8
  if (bits < 1e6) return `${(bits / 1e3).toFixed(0)} kbit/s`
  return bits < 1e9 ? `${(bits / 1e6).toFixed(0)} Mbit/s` : `${(bits / 1e9).toFixed(2)} Gbit/s`
}

/** Memory, in powers of 1024: `128 MiB`. */
export function memory(bytes: number): string {
  return bytes % 2 ** 20 === 0 ? `${bytes / 2 ** 20} MiB` : `${(bytes / 1024).toFixed(0)} KiB`
}

/** `8,648`. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** `1 page`, `12 pages`. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? '0 %' : `${((100 * part) / whole).toFixed(1)} %`
}

/** Local time to the second: `2026-01-31 14:05:09`. */
export function localTime(iso: string): string {
  const date = new Date(iso)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** The first part of a run's id: enough to name it. */
export const shortId = (id: string): string => id.slice(0, 8)
