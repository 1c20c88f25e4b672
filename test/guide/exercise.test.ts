import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { exerciseView } from '../../engine/contract/guide.ts'
import { parseExercise } from '../../engine/guide/exercise.ts'
import { Library } from '../../engine/lab/guide/library.ts'

const HEAD = ['---', 'id: mine', 'title: Mine', 'goal: To see.', 'minutes: 5', '---']
const QUESTION = ['```question', 'id: why', 'title: Why?', '```']
const parse = (...lines: string[]) => parseExercise('mine.md', [...HEAD, ...lines].join('\n'))

describe('the exercises that Ferry brings', () => {
  const folder = new URL('../../guide/exercises/', import.meta.url)

  test.each(readdirSync(folder))('%s can be used', (file) => {
    const { exercise, problems } = parseExercise(file, readFileSync(new URL(file, folder), 'utf8'))
    expect(problems).toEqual([])
    v.parse(exerciseView, exercise?.view)
  })

  test('every link leads to an exercise that is there, and they are in their order', async () => {
    const library = await Library.open('')
    expect(library.problems).toEqual([])
    expect(library.exercises[0]?.view.id).toBe('meet-the-hosts')
    expect(library.exercises.length).toBe(readdirSync(folder).length)
  })
})

describe('an exercise that cannot be used', () => {
  const broken: [what: string, lines: string[], line: number, reason: RegExp][] = [
    ['raw HTML', ['Text', '', '<script>alert(1)</script>', '', ...QUESTION], 9, /raw HTML/],
    ['HTML within a line', ['A <b>bold</b> word', ...QUESTION], 7, /raw HTML/],
    ['a link out of the lab', ['a', '', '- one', '- [two](https://example.org)'], 10, /exercise:ID/],
    ['a script as a link', ['[x](javascript:alert)'], 7, /not to "javascript:alert"/],
    ['a picture', ['![x](y.png)'], 7, /pictures/],
    ['an unknown kind of check', ['```check', 'id: a', 'title: A', 'kind: magic', '```'], 10, /`kind`/],
    ['a check without a title', ['```check', 'id: a', 'kind: run', '```'], 7, /`title` is missing/],
    [
      'a setting that is none',
      ['```check', 'id: a', 'title: A', 'kind: run', 'too: kvm', '```'],
      11,
      /no setting `too`/,
    ],
    [
      'an unknown figure',
      ['', '```check', 'id: a', 'title: A', 'kind: run', 'where: speed > 1', '```'],
      12,
      /no figure "speed"/,
    ],
    [
      'a comparison that is none',
      ['```check', 'id: a', 'title: A', 'kind: run', 'where: rounds', '```'],
      11,
      /figure < number/,
    ],
    [
      'a wrong selection',
      ['```check', 'id: a', 'title: A', 'kind: compare', 'figure: rounds', 'of: from=vmware', 'with: to=kvm', '```'],
      12,
      /from/,
    ],
    [
      'a check after one that is not before it',
      [
        '```check',
        'id: a',
        'title: A',
        'kind: run',
        'after: b',
        '```',
        '',
        '```check',
        'id: b',
        'title: B',
        'kind: run',
        '```',
      ],
      11,
      /`after`: there is no check "b" before/,
    ],
    ['a line without a key', ['```question', 'id: a', 'whatever', '```'], 9, /key: value/],
    ['the same id twice', [...QUESTION, '', ...QUESTION], 12, /"why" already/],
    ['nothing to do', ['Text.'], 6, /neither a check nor a question/],
  ]
  test.each(broken)('with %s is told by line and reason', (_, lines, line, reason) => {
    const { exercise, problems } = parse(...lines)
    expect(exercise).toBeNull()
    expect(problems[0]).toMatchObject({ file: 'mine.md', line })
    expect(problems[0]?.reason).toMatch(reason)
  })

  test('without a head, or with a wrong one, is told as well', () => {
    expect(parseExercise('a.md', '# Hello').problems[0]).toMatchObject({ line: 1 })
    const { problems } = parseExercise('a.md', '---\nid: A B\ntitle: x\nminutes: soon\n---\n')
    expect(problems.map(({ line }) => line)).toEqual([2, 1, 4])
  })
})

test('no text whatsoever makes the parser throw, and what it takes fits the contract', () => {
  const pieces = fc.constantFrom(
    '# a',
    '- b',
    '> ',
    '```check',
    '```',
    'id: x',
    'title: y',
    'kind: run',
    '<b>',
    '|a|b|',
    '|-|-|',
    '',
    '  ',
  )
  const line = fc.oneof(pieces, fc.string())
  fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
      const { exercise, problems } = parse(...lines, '', ...QUESTION)
      if (exercise !== null) v.parse(exerciseView, exercise.view)
      expect(exercise === null).toBe(problems.length > 0)
    }),
    { numRuns: 300 },
  )
})

test('lists keep their numbers around a directive, and tables their cells', () => {
  const { exercise } = parse('1. one', '', ...QUESTION, '', '2. two `x`', '', '| a | b |', '|---|---|', '| 1 | *2* |')
  expect(exercise?.view.blocks).toMatchObject([
    { type: 'list', ordered: true, start: 1 },
    { type: 'question', id: 'why' },
    { type: 'list', start: 2 },
    { type: 'table', head: [[{ text: 'a' }], [{ text: 'b' }]], rows: [[[{ text: '1' }], [{ type: 'em' }]]] },
  ])
})
