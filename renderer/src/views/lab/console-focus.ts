/** Takes the keyboard to a guest's console, which may have to be loaded and drawn first. */

let wanted: string | null = null

/** @param guest its id */
export function focusConsole(guest: string): void {
  const there = document.querySelector<HTMLElement>(`[data-console="${CSS.escape(guest)}"] textarea`)
  wanted = there === null ? guest : null
  there?.focus()
}

/** Whether a console that is there now is the one that the keyboard was asked to go to. Asked once. */
export function isWanted(guest: string): boolean {
  const is = wanted === guest
  if (is) wanted = null
  return is
}
