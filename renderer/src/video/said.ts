/** What a guest has said, taken up piece by piece. Pure. */

export interface Said {
  /** The last of all that was said, one character a byte. */
  readonly text: string
  /** How much was said in all. */
  readonly position: number
}

/** What was said after `before`; null: that is not the beginning of what is said now. */
export function saidSince(before: Said, now: Said): string | null {
  const added = now.position - before.position
  if (added < 0 || added > now.text.length) return null
  const kept = now.text.slice(0, now.text.length - added)
  return before.text.endsWith(kept) && (kept !== '' || before.position === 0) ? now.text.slice(kept.length) : null
}
