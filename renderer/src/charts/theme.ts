/** The colours of the page, reactive: a chart that reads them is drawn anew when the theme changes. */
import { createSubscriber } from 'svelte/reactivity'
import { colour, token } from '../styles/tokens.ts'
import { type Palette, paletteOf } from './looks.ts'

const follow = createSubscriber((update) => {
  const dark = window.matchMedia('(prefers-color-scheme: dark)')
  const attribute = new MutationObserver(update)
  dark.addEventListener('change', update)
  attribute.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] })
  return () => {
    dark.removeEventListener('change', update)
    attribute.disconnect()
  }
})

export function currentPalette(): Palette {
  follow()
  return paletteOf(colour, token('--font-ui'))
}
