/** F6 goes through the panes of the window: elements with `data-pane`, in the order of the document. */

const FOCUSABLE =
  'button:not(:disabled), a[href], input:not(:disabled), select:not(:disabled), textarea:not(:disabled), [tabindex="0"]'
/** Where the focus was in a pane when it was left. */
const last = new WeakMap<Element, HTMLElement>()

const isShown = (element: Element) => element.getClientRects().length > 0

/** Focuses the next pane, or the one before. */
export function cyclePanes(backwards: boolean): void {
  const panes = [...document.querySelectorAll<HTMLElement>('[data-pane]')].filter(isShown)
  const focused = document.activeElement
  const at = panes.findIndex((pane) => pane.contains(focused))
  const here = panes[at]
  if (here !== undefined && focused instanceof HTMLElement) last.set(here, focused)
  const step = backwards ? (at < 0 ? 0 : -1) : 1
  const to = panes[(at + step + panes.length) % panes.length]
  if (to === undefined) return
  const before = last.get(to)
  const inner = [...to.querySelectorAll<HTMLElement>(FOCUSABLE)].find(
    (element) => isShown(element) && element.tabIndex >= 0,
  )
  const goal =
    before?.isConnected === true && isShown(before)
      ? before
      : (to.querySelector<HTMLElement>('[data-pane-focus] textarea') ?? inner ?? to)
  goal.focus()
}
