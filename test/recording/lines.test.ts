/** Answers as lines: told by what changed, and the same again when they are read. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { MethodOutput } from '../../engine/contract/lab.ts'
import { type Changes, changesBetween, withChanges } from '../../engine/recording/changes.ts'
import type { AnswerEntry, Entry } from '../../engine/recording/entries.ts'
import { LineReader, LineWriter } from '../../engine/recording/lines.ts'

const pages = (t: number, states: string): AnswerEntry => ({
  t,
  answer: 'guests.pages',
  input: { guest: 'g1' },
  result: { host: 'xen', run_id: null, pages: 64, states },
})
const screen = (t: number, lines: string[]): AnswerEntry => ({
  t,
  answer: 'guests.screen',
  input: { guest: 'g1' },
  result: { kind: 'text', columns: 80, rows: lines.length, lines } satisfies MethodOutput<'guests.screen'>,
})

function through(entries: readonly Entry[]): (Entry | null)[] {
  const writer = new LineWriter()
  const reader = new LineReader()
  return entries.flatMap((entry) => {
    const line = writer.line(entry)
    return line === null ? [] : [reader.entry(line)]
  })
}

describe('changes', () => {
  test('of any two values carry the one over into the other, or there are none to tell', () => {
    const value = fc.jsonValue({ maxDepth: 4 })
    fc.assert(
      fc.property(value, value, (before, after) => {
        const told = changesBetween(before, after)
        if (told !== null) expect(JSON.stringify(withChanges(before, told))).toBe(JSON.stringify(after))
      }),
    )
  })

  test('of long strings tell the stretches that changed, wherever they are', () => {
    const letters = fc.string({ minLength: 64, maxLength: 200, unit: fc.constantFrom('A', 'B', 'é', '😀') })
    fc.assert(
      fc.property(letters, fc.array(fc.tuple(fc.nat(), fc.constantFrom('x', 'y'))), (before, edits) => {
        const units = before.split('')
        for (const [at, letter] of edits) units[at % units.length] = letter
        const told = changesBetween({ text: before }, { text: units.join('') })
        expect(withChanges({ text: before }, told ?? [])).toEqual({ text: units.join('') })
      }),
    )
  })

  test('leave the value before as it was', () => {
    const before = { list: [{ n: 1 }, { n: 2 }] }
    const after = { list: [{ n: 3 }, { n: 4 }] }
    expect(withChanges(before, changesBetween(before, after) ?? [])).toEqual(after)
    expect(before).toEqual({ list: [{ n: 1 }, { n: 2 }] })
  })

  test.each<[string, unknown, Changes]>([
    ['a way that leads nowhere', { a: 1 }, [[['b'], 2]]],
    ['a way into a prototype', { a: 1 }, [[['__proto__', 'polluted'], 1]]],
    ['an index that is none', [1], [[['length'], 0]]],
    ['a value in place of an object', { a: {} }, [[['a'], 1]]],
    ['stretches beyond the end', { a: 'short' }, [[['a'], { patch: [9, 'x'] }]]],
    ['stretches of a number', { a: 1 }, [[['a'], { patch: [0, 'x'] }]]],
  ])('%s are none of this value', (_, value, told) => {
    expect(withChanges(value, told)).toBeUndefined()
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })
})

describe('answers', () => {
  const states = fc.string({ minLength: 80, maxLength: 80, unit: fc.constantFrom('A', 'B', 'C') })

  test('are read as they were given, however often they change', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(states, fc.string({ maxLength: 70 })), { maxLength: 20 }), (all) => {
        const given = all.map((text, i) => pages(i * 7000, text))
        const told = given.filter(
          ({ result }, i) => i === 0 || JSON.stringify(result) !== JSON.stringify(given[i - 1]?.result),
        )
        expect(through(given)).toEqual(told)
      }),
    )
  })

  test('take little where little changes, are not told again where nothing does, and are whole once a minute', () => {
    const writer = new LineWriter()
    const text = 'A'.repeat(4000)
    const whole = writer.line(pages(0, text)) ?? ''
    expect(writer.line(pages(1000, text))).toBeNull()
    const little = writer.line(pages(2000, `B${text.slice(1)}`)) ?? ''
    expect(little.length).toBeLessThan(150)
    expect((writer.line(pages(60_000, text)) ?? '').length).toBeGreaterThanOrEqual(whole.length)
  })

  test('of another shape are told whole', () => {
    const given = [screen(0, ['a', 'b']), screen(1, ['a', 'b', 'c']), screen(2, ['a', 'x', 'c'])]
    expect(through(given)).toEqual(given)
  })

  test('about different things are told apart', () => {
    const other = { ...pages(1, 'b'), input: { guest: 'g2' } } as Entry
    expect(through([pages(0, 'a'), other])).toEqual([pages(0, 'a'), other])
  })

  test('about what is gone are forgotten, and told whole if they come again', () => {
    const writer = new LineWriter()
    const first = writer.line(pages(0, 'A'.repeat(100)))
    writer.forget((method, input) => method === 'guests.pages' && JSON.stringify(input) === '{"guest":"g1"}')
    expect(writer.line(pages(0, 'A'.repeat(100)))).toBe(first)
  })

  test('that change what was lost are not understood', () => {
    const writer = new LineWriter()
    const reader = new LineReader()
    reader.entry(writer.line(pages(0, 'A'.repeat(1000))) ?? '')
    const change = writer.line(pages(1, `B${'A'.repeat(999)}`)) ?? ''
    reader.lost()
    expect(reader.entry(change)).toBeNull()
  })
})
