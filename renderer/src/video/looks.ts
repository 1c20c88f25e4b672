/** The window's colours and type as they are when a video is begun: it keeps them to its end. */
import type { HostKind } from '../../../engine/contract/report.ts'
import { colour, token } from '../styles/tokens.ts'

const COLOURS = {
  background: '--bg',
  surface: '--surface',
  surface2: '--surface-2',
  line: '--line',
  lineStrong: '--line-strong',
  text: '--text',
  text2: '--text-2',
  accent: '--accent',
  accentText: '--accent-text',
  good: '--good',
  goodBackground: '--good-bg',
  warn: '--warn',
  warnBackground: '--warn-bg',
  bad: '--bad',
  badBackground: '--bad-bg',
} as const
export type Colour = keyof typeof COLOURS

export interface Looks extends Readonly<Record<Colour, string>> {
  readonly kinds: Readonly<Record<HostKind, { readonly text: string; readonly background: string }>>
  readonly ui: string
  readonly mono: string
}

export function looksNow(): Looks {
  const kind = (name: HostKind) => ({ text: colour(`--${name}`), background: colour(`--${name}-bg`) })
  const colours = Object.fromEntries(Object.entries(COLOURS).map(([name, of]) => [name, colour(of)]))
  return {
    // Made of the table above, name by name.
    ...(colours as Record<Colour, string>),
    kinds: { xen: kind('xen'), kvm: kind('kvm'), qemu: kind('qemu') },
    ui: token('--font-ui'),
    mono: token('--font-mono'),
  }
}
