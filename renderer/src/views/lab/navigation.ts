/** Where the lab's view can go, and what its parts may ask it to do. */
import type { GuestView } from '../../../../engine/contract/lab.ts'

/** What is shown of the selected guest. */
export type Tab = 'console' | 'migration' | 'protocol' | 'state' | 'memory'

/** What the cards may ask the view to do. */
export interface LabActions {
  newGuest(host?: string): void
  importGuest(host: string): void
  exportGuest(guest: GuestView): void
  migrate(guest: GuestView, to?: string): void
  changeWorkload(guest: GuestView): void
  destroy(guest: GuestView): void
  openConsole(guest: GuestView): void
}

/** What the window's menus may ask the view to do. */
export interface LabCommands {
  newGuest(): void
  migrateSelected(): void
  cancelSelected(): void
  inspect(): void
  terminal(): void
}
