/**
 * The emulated link between two hosts: presets, the form `bandwidth,latency,jitter`, and its reading. Rates count
 * the bytes that are written to the socket (frames with their headers; TCP/IP headers are not counted).
 */
import { FerryError } from '../util/errors.ts'

export interface LinkSpec {
  /** As given, e.g. `1G` or `50M,10ms,2ms`. */
  readonly text: string
  /** Source → target, bits per second; null = unlimited. */
  readonly forward_bps: number | null
  /** Target → source, bits per second; null = unlimited. */
  readonly backward_bps: number | null
  /** One way, ms. */
  readonly latency_ms: number
  /** Each write is late by a uniformly random time from 0 to this, ms; the order is kept. */
  readonly jitter_ms: number
}

const symmetric = (text: string, bps: number | null, latency_ms = 0): LinkSpec => ({
  text,
  forward_bps: bps,
  backward_bps: bps,
  latency_ms,
  jitter_ms: 0,
})

/** ADSL is seen by a guest that moves home: 8 Mbit/s towards the target, 1 Mbit/s back. */
export const LINK_PRESETS: Readonly<Record<string, LinkSpec>> = {
  unlimited: symmetric('unlimited', null),
  '10G': symmetric('10G', 10e9),
  '1G': symmetric('1G', 1e9),
  '100M': symmetric('100M', 100e6),
  '10M': symmetric('10M', 10e6),
  ADSL: { text: 'ADSL', forward_bps: 8e6, backward_bps: 1e6, latency_ms: 20, jitter_ms: 0 },
}

const MIN_BPS = 10_000
const MAX_BPS = 100e9
const MAX_MS = 10_000
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 }

function bad(text: string): FerryError {
  return new FerryError(
    'link.syntax',
    `"${text}" is not a link. Give a preset (${Object.keys(LINK_PRESETS).join(', ')}) or ` +
      'bandwidth[/back][,latency[,jitter]], e.g. 50M,10ms,2ms.',
    { link: text },
  )
}

function bandwidth(part: string, text: string): number | null {
  if (part.toLowerCase() === 'unlimited') return null
  const match = /^(\d+(?:\.\d+)?)([kmg]?)$/i.exec(part)
  const unit = UNITS[(match?.[2] ?? '').toLowerCase()]
  if (match === null || unit === undefined) throw bad(text)
  const bps = Number(match[1]) * unit
  if (bps < MIN_BPS || bps > MAX_BPS) {
    throw new FerryError('link.range', `The bandwidth of a link is between 10k and 100G, not ${part}.`, { link: text })
  }
  return bps
}

function milliseconds(part: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:ms)?$/i.exec(part)
  if (match === null) throw bad(text)
  const ms = Number(match[1])
  if (ms > MAX_MS) throw new FerryError('link.range', `A link is at most ${MAX_MS} ms late.`, { link: text })
  return ms
}

/**
 * Reads the value of `--link`.
 * @throws FerryError `link.syntax`, `link.range`
 */
export function parseLink(text: string): LinkSpec {
  const trimmed = text.trim()
  if (trimmed.length > 64) throw bad(text.slice(0, 64))
  const preset = Object.values(LINK_PRESETS).find((p) => p.text.toLowerCase() === trimmed.toLowerCase())
  if (preset !== undefined) return preset
  const parts = trimmed.split(',').map((part) => part.trim())
  const rates = (parts[0] ?? '').split('/')
  if (parts.length > 3 || rates.length > 2) throw bad(trimmed)
  const forward = bandwidth(rates[0] ?? '', trimmed)
  return {
    text: trimmed,
    forward_bps: forward,
    backward_bps: rates[1] === undefined ? forward : bandwidth(rates[1], trimmed),
    latency_ms: parts[1] === undefined ? 0 : milliseconds(parts[1], trimmed),
    jitter_ms: parts[2] === undefined ? 0 : milliseconds(parts[2], trimmed),
  }
}

/** What one side shapes: the bytes that it sends itself. */
export interface Direction {
  readonly rate_bps: number | null
  readonly latency_ms: number
  readonly jitter_ms: number
}

/** The part of a link that the source, or the target, shapes. */
export function directionOf(link: LinkSpec, side: 'source' | 'target'): Direction {
  return {
    rate_bps: side === 'source' ? link.forward_bps : link.backward_bps,
    latency_ms: link.latency_ms,
    jitter_ms: link.jitter_ms,
  }
}
