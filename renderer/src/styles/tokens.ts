/** The tokens as they stand now, for what is painted by hand: canvases, the terminal, picture files. */

let swatch: HTMLElement | undefined

/** Asking for a computed style makes the browser bring all styles up to date, so each value is asked for once a theme. */
const known = new Map<string, string>()
let theme: string | undefined
let dark: MediaQueryList | undefined

/** Values by name, of the theme that is in force now. */
function values(): Map<string, string> {
  dark ??= matchMedia('(prefers-color-scheme: dark)')
  const now = `${document.documentElement.dataset['theme'] ?? ''} ${dark.matches}`
  if (now !== theme) known.clear()
  theme = now
  return known
}

function once(name: string, read: () => string): string {
  const held = values()
  const value = held.get(name) ?? read()
  held.set(name, value)
  return value
}

/**
 * A colour as `rgb(…)`. `light-dark()` in a custom property is chosen only where the property is used
 * (CSS Color 5, section 12), so the colour is read off an element that wears it.
 */
export const colour = (token: string): string =>
  once(`colour ${token}`, () => {
    if (swatch === undefined) {
      swatch = document.createElement('span')
      swatch.hidden = true
      document.documentElement.append(swatch)
    }
    swatch.style.color = `var(${token})`
    return getComputedStyle(swatch).color
  })

/** Any other token, as it is written. */
export const token = (name: string): string =>
  once(name, () => getComputedStyle(document.documentElement).getPropertyValue(name).trim())
