/** The keys of the player. What a field, or a part of the lab's view, has taken for itself is not touched. */
import { RATES } from '../../replay/clock.ts'
import type { Player } from '../../replay/player.svelte.ts'

const SKIP_MS = 5000

/** As the list of keys shows them. */
export const PLAYER_KEYS = [
  ['Space', 'Play or pause'],
  ['←, →', '5 seconds back or on'],
  [', and .', 'To the event before, or the next: a stage, a round, a message, an action'],
  ['[ and ]', 'To the chapter before, or the next'],
  ['Home, End', 'To the beginning or the end'],
  ['1 … 6', 'Speed: ¼, ½, 1, 2, 4, 8 times'],
  ['B', 'Bookmark here'],
  ['I, O', 'A video begins, or ends, here'],
] as const

/** What is not the player's own. */
export interface PlayerActions {
  readonly bookmark: () => void
  readonly mark: (end: 'from' | 'to') => void
}

/** @returns true: the key was one of the player's, and is done */
export function pressed(player: Player, event: KeyboardEvent, { bookmark, mark }: PlayerActions): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false
  const { target } = event
  if (!(target instanceof Element)) return false
  const slider = target.matches('input[type=range]')
  if (!slider && target.matches('input, textarea:not(.xterm-helper-textarea), select')) return false
  // A button is pressed by Space, and a dialog has its own keys.
  if (event.key === ' ' && target.matches('button, [role=tab], summary')) return false
  if (target.closest('dialog, [role=menu]') !== null) return false
  const rate = /^[1-6]$/.test(event.key) ? RATES[Number(event.key) - 1] : undefined
  const act: Readonly<Record<string, () => void>> = {
    ' ': player.toggle,
    ArrowLeft: () => player.skip(-SKIP_MS),
    ArrowRight: () => player.skip(SKIP_MS),
    ',': () => player.step(false),
    '.': () => player.step(true),
    '[': () => player.stepChapter(false),
    ']': () => player.stepChapter(true),
    Home: () => player.seek(0),
    End: () => player.seek(player.duration_ms),
    b: bookmark,
    B: bookmark,
    i: () => mark('from'),
    I: () => mark('from'),
    o: () => mark('to'),
    O: () => mark('to'),
  }
  const does = rate === undefined ? act[event.key] : () => player.setRate(rate)
  if (does === undefined) return false
  event.preventDefault()
  does()
  return true
}
