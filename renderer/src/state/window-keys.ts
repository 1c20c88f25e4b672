/** Keys that stay the window's, even while the keyboard belongs to a guest. */
import { cyclePanes } from './panes.ts'

const isView = ({ altKey, ctrlKey, key }: KeyboardEvent) =>
  altKey && !ctrlKey && ['1', '2', '3', '4', '5'].includes(key)
/** Begins and ends the recording of the lab. */
export const isRecord = ({ altKey, ctrlKey, shiftKey, key }: KeyboardEvent) =>
  ctrlKey && shiftKey && !altKey && key.toLowerCase() === 'l'
/** Opens a host's terminal. */
export const isTerminal = ({ altKey, ctrlKey, shiftKey, key }: KeyboardEvent) =>
  ctrlKey && shiftKey && !altKey && key.toLowerCase() === 't'
/** Opens the guide, and closes it. */
export const isGuide = ({ altKey, ctrlKey, shiftKey, key }: KeyboardEvent) =>
  ctrlKey && shiftKey && !altKey && key.toLowerCase() === 'g'
const isWayOut = (event: KeyboardEvent) => event.key === 'Escape' && event.ctrlKey && event.shiftKey

/** True: the guest does not get this key. F6 always leaves; Ctrl+Shift+Esc, too, where the system lets it through. */
export function windowHas(event: KeyboardEvent): boolean {
  if (event.key === 'F6' || [isView, isRecord, isTerminal, isGuide].some((is) => is(event))) return true
  if (!isWayOut(event)) return false
  if (event.type === 'keydown') cyclePanes(false)
  return true
}
