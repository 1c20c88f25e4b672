/** The bar on stderr that everything long draws, in its own words. */
import { SingleBar } from 'cli-progress'

/**
 * @param format as `cli-progress` has it
 * @param words of the format that are not the bar's own, as they are at first
 */
export function startBar(format: string, words: Readonly<Record<string, string>>): SingleBar {
  const bar = new SingleBar({
    format,
    barCompleteChar: '=',
    barIncompleteChar: '.',
    barsize: 24,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    gracefulExit: false,
    linewrap: false,
  })
  bar.start(1, 0, words)
  return bar
}
