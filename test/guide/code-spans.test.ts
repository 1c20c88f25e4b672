/** In the title of a question, what stands between backquotes is code, and nothing of it is lost. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { codeSpans } from '../../engine/guide/code-spans.ts'

test('code and words are told apart', () => {
  expect(codeSpans('Does `xm migrate` read it?')).toEqual([
    { code: false, text: 'Does ' },
    { code: true, text: 'xm migrate' },
    { code: false, text: ' read it?' },
  ])
  expect(codeSpans('`a``b` or ` c')).toEqual([
    { code: true, text: 'a' },
    { code: true, text: 'b' },
    { code: false, text: ' or ` c' },
  ])
})

test('all but the backquotes of code is kept, in its order', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('`', 'a', ' ') }), (line) => {
      const spans = codeSpans(line)
      expect(spans.map(({ code, text }) => (code ? `\`${text}\`` : text)).join('')).toBe(line)
    }),
  )
})
