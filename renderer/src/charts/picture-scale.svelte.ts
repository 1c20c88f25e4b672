/** How finely pictures are saved, of all charts alike, until the window closes. */
import type { PngScale } from './png.ts'

export const picture = $state<{ scale: PngScale }>({ scale: 2 })
