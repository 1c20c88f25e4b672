/** The tokens as they stand now, for what is painted by hand: canvases, the terminal, picture files. */

let swatch: HTMLElement | undefined

/**
 * A colour as `rgb(…)`. `light-dark()` in a custom property is chosen only where the property is used
 * (CSS Color 5, section 12), so the colour is read off an element that wears it.
 */
export function colour(token: string): string {
  if (swatch === undefined) {
    swatch = document.createElement('span')
    swatch.hidden = true
    document.documentElement.append(swatch)
  }
  swatch.style.color = `var(${token})`
  return getComputedStyle(swatch).color
}

/** Any other token, as it is written. */
export const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
