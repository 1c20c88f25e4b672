/** The link as the user sets it: a preset of the lab, or bandwidth, latency and jitter. */
import type { MethodOutput } from '../../../engine/contract/lab.ts'
import { bits } from './units.ts'

export type LinkPreset = MethodOutput<'links.list'>[number]

export interface OwnLink {
  bandwidth: number
  unit: 'k' | 'M' | 'G'
  latency_ms: number
  jitter_ms: number
}

/** `50M,10ms,2ms`: as the lab reads it. */
export const ownLinkText = ({ bandwidth, unit, latency_ms, jitter_ms }: OwnLink): string =>
  `${bandwidth}${unit},${latency_ms}ms,${jitter_ms}ms`

export function parseOwnLink(text: string): OwnLink | null {
  const match = /^(\d+(?:\.\d+)?)([kMG])(?:,(\d+(?:\.\d+)?)(?:ms)?)?(?:,(\d+(?:\.\d+)?)(?:ms)?)?$/.exec(text)
  if (match === null) return null
  const [, bandwidth = '0', unit = 'M', latency = '0', jitter = '0'] = match
  return {
    bandwidth: Number(bandwidth),
    unit: unit as OwnLink['unit'],
    latency_ms: Number(latency),
    jitter_ms: Number(jitter),
  }
}

/** A link's name: `Unlimited`, `1 Gbit/s`, `ADSL`, `50 Mbit/s, 10 ms, 2 ms`. */
export function linkTitle(text: string): string {
  if (text === 'unlimited') return 'Unlimited'
  const [bandwidth = '', ...rest] = text.split(',')
  return [
    bandwidth.replace(/^([\d.]+)([kMG])$/, '$1 $2bit/s'),
    ...rest.map((time) => time.replace(/(\d)ms$/, '$1 ms')),
  ].join(', ')
}

/** `100 Mbit/s`, `8 Mbit/s there, 1 Mbit/s back`. */
export function bandwidthText({ forward_bps, backward_bps }: LinkPreset): string {
  const there = forward_bps === null ? 'as fast as this machine' : bits(forward_bps)
  return forward_bps === backward_bps
    ? there
    : `${there} there, ${backward_bps === null ? 'unlimited' : bits(backward_bps)} back`
}

const FACTORS = { k: 1e3, M: 1e6, G: 1e9 } as const

/** The link of that text: a preset, or what its own values say. */
export function linkOf(text: string, presets: readonly LinkPreset[]): LinkPreset {
  const preset = presets.find((candidate) => candidate.text === text)
  if (preset !== undefined) return preset
  const own = parseOwnLink(text)
  const bps = own === null ? null : own.bandwidth * FACTORS[own.unit]
  return { text, forward_bps: bps, backward_bps: bps, latency_ms: own?.latency_ms ?? 0, jitter_ms: own?.jitter_ms ?? 0 }
}
