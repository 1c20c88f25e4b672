/** Whether there is anything that could draw but the processor. */
import { existsSync } from 'node:fs'

/** Of Linux: a graphics card's kernel driver, NVIDIA's own one, and the one of Windows' subsystem for Linux. */
const CARDS = ['/dev/dri', '/dev/nvidiactl', '/dev/dxg']
/** Nothing but the processor draws, and nothing on it pretends to be a graphics card. */
const PROCESSOR_ONLY = ['disable-gpu', 'disable-software-rasterizer']

/**
 * Without a card, as in a container or on a server, Chromium tries one way of drawing after the other, each in a process of
 * its own that fails, and shows no picture before the last one: half of the time until the first window.
 * @returns switches for Chromium
 */
export function graphicsSwitches(
  platform = process.platform,
  exists: (path: string) => boolean = existsSync,
): string[] {
  return platform !== 'linux' || CARDS.some(exists) ? [] : PROCESSOR_ONLY
}
