/** The Linux guest for tests: built on first use, as for a user; where it cannot be had, the reason. */
import { type LoadedGuest, loadGuest } from '../images/guest.ts'

/** A guest, or why there is none (no apt, no network, another system). */
export async function linuxGuest(): Promise<LoadedGuest | string> {
  try {
    return await loadGuest('linux')
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}
