/** Prints a page of the lab's own making instead of the window. */

/** Set while something else than the window is printed (styles/base.css). */
const PRINTING = 'printing'

/**
 * Shows the page to the printer alone. It stands in a shadow root, where the window's styles do not reach, nor its own
 * the window; of its scripts, which are data, nothing is taken over.
 * @param html with its `<style>` in the head
 */
export function printPage(html: string): void {
  const page = new DOMParser().parseFromString(html, 'text/html')
  for (const script of page.querySelectorAll('script')) script.remove()
  const host = document.createElement('div')
  host.className = 'printed-page'
  const root = host.attachShadow({ mode: 'open' })
  const body = document.createElement('div')
  body.className = page.body.className
  body.append(...page.body.childNodes)
  root.append(...page.head.querySelectorAll('style'), body)
  const { title } = document
  addEventListener(
    'afterprint',
    () => {
      host.remove()
      document.documentElement.classList.remove(PRINTING)
      document.title = title
    },
    { once: true },
  )
  document.body.append(host)
  document.documentElement.classList.add(PRINTING)
  // A printer that makes files names them by it.
  document.title = page.title
  window.print()
}
