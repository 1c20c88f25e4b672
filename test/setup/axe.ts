/** axe, once for each theme: only colours depend on it, and finding all that axe knows takes long. */
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'

/** @returns all rules in light, in dark those of colours */
export function axe(page: Page, theme: 'light' | 'dark'): AxeBuilder {
  const builder = new AxeBuilder({ page })
  return theme === 'dark' ? builder.withRules(['color-contrast', 'link-in-text-block']) : builder
}
