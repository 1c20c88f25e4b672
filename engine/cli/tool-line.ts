/** Where the line of a host's tool begins on a command line of `ferry`. */

/**
 * `toolstack HOST` and a line: what follows the line's first word is the tool's, options too, so a `--` is put in front of
 * it. Options before that word stay Ferry's, and so does every other command line as it is.
 * @param words what follows `ferry`
 */
export function withToolLine(words: readonly string[]): string[] {
  // None of Ferry's options that may stand here takes a value.
  const [command, , line] = words.flatMap((word, i) => (word.startsWith('-') ? [] : [i]))
  if (command === undefined || words[command] !== 'toolstack') return [...words]
  if (line === undefined || words.slice(0, line).includes('--')) return [...words]
  return [...words.slice(0, line), '--', ...words.slice(line)]
}
