/** Titles of questions and checks, and what a check found, are lines of plain text; what stands between backquotes is code. Pure. */

export interface Span {
  readonly code: boolean
  readonly text: string
}

/** Put together, the texts are the line without those backquotes; one that has no other stays. */
export function codeSpans(line: string): Span[] {
  return line.split(/`([^`]+)`/).flatMap((text, i) => (text === '' ? [] : [{ code: i % 2 === 1, text }]))
}
