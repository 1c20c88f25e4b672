/** Scan codes of set 1 as QEMU's input events: a `number` is such a code, and 0x80 marks those behind the prefix 0xE0. */
const PREFIX = 0xe0
const RELEASED = 0x80
/** Pause, the only key behind it, has no code that QEMU takes by number. */
const OTHER_PREFIX = 0xe1

export interface KeyEvent {
  readonly type: 'key'
  readonly data: { readonly down: boolean; readonly key: { readonly type: 'number'; readonly data: number } }
}

/** @param codes as they would come out of port 0x60 */
export function keyEvents(codes: Uint8Array): KeyEvent[] {
  const events: KeyEvent[] = []
  let extended = false
  for (const code of codes) {
    if (code === PREFIX) extended = true
    else if (code !== OTHER_PREFIX) {
      const data = (code & ~RELEASED) | (extended ? RELEASED : 0)
      events.push({ type: 'key', data: { down: (code & RELEASED) === 0, key: { type: 'number', data } } })
      extended = false
    }
  }
  return events
}
