/**
 * Cases of one promise: `npm test` tries the main ones, `npm run test:long` all of them. A file with others beside it
 * (`name.long.ts`) has nothing to say but which file that is.
 */

/** As vitest.config.ts says. */
export const long = process.env['FERRY_LONG'] === '1'

export const variants = <T>(main: readonly T[], others: readonly T[]): readonly T[] =>
  long ? [...main, ...others] : main
