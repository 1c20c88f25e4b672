/** What the steps need of whatever shows the window: a browser over `ferry serve`, or the app in Electron. */
import type { Page } from 'playwright-core'

export type Theme = 'light' | 'dark'

export interface Driver {
  /** In the names of pictures. */
  readonly name: string
  readonly page: Page
  /** What the system says, not the window's own switch. */
  setTheme(theme: Theme): Promise<void>
  /** Does what saves a file, and reads it: where a browser downloads it, or where a dialog was told to put it. */
  saved(act: () => Promise<void>): Promise<string>
  close(): Promise<void>
}
