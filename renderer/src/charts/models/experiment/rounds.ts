/** The rounds of an experiment's migrations: how many pages each had, condition by condition. Pure. */
import { MOST_ROUNDS, type Results } from '../../../../../engine/contract/experiment-results.ts'
import { count, fixed, plural } from '../../../data/format.ts'
import type { LineChart } from '../../model.ts'
import { captionOf, cellsOf, isLog, type ScaleChoice } from './cells.ts'

export type RoundFigure = 'pages_sent' | 'dirty_pages'

const TITLES: Readonly<Record<RoundFigure, { id: string; title: string; definition: string }>> = {
  pages_sent: { id: 'rounds-sent', title: 'Pages sent in each round', definition: 'Pages sent, zero pages included.' },
  dirty_pages: {
    id: 'rounds-dirtied',
    title: 'Pages dirtied in each round',
    definition: 'Pages that the guest wrote to while the round was sent; the next round sends them again.',
  },
}

/**
 * Medians of the trials that had the round.
 * @param shown places of the cells that are drawn
 * @returns null where none of them has rounds
 */
export function roundsByLevel(
  results: Results,
  figure: RoundFigure,
  shown: ReadonlySet<number>,
  choice: ScaleChoice = 'auto',
): LineChart | null {
  const cells = cellsOf(results).filter(({ group }) => group.rounds.length > 0)
  const drawn = cells.filter(({ look }) => shown.has(look))
  if (drawn.length === 0) return null
  const { id, title, definition } = TITLES[figure]
  const all = drawn.flatMap(({ group }) => group.rounds.map((round) => round[figure]))
  // A round of no pages has no place on a logarithmic axis, and is no reason against it.
  const positive = all.filter((pages) => pages > 0)
  const log = positive.length > 0 && isLog(positive, choice)
  const trials = drawn.reduce((sum, { group }) => sum + (group.rounds[0]?.n ?? 0), 0)
  const longest = drawn.reduce((most, { group }) => Math.max(most, group.rounds.length), 0)
  return {
    kind: 'lines',
    drawn: 'line',
    id: `experiment-${id}`,
    title,
    definition: `${definition} Each mark: the median of those trials that had the round; later rounds have fewer of them. Pages sent while the guest stood still are no round.`,
    caption:
      captionOf(results, trials, cells.length - drawn.length) +
      (log && positive.length < all.length
        ? ` ${plural(all.length - positive.length, 'round')} of 0 pages not drawn.`
        : '') +
      (longest === MOST_ROUNDS ? ` Rounds after the first ${MOST_ROUNDS} are left out.` : ''),
    summary: drawn
      .map(({ name, group: { rounds } }) => {
        const [first, last] = [rounds[0], rounds.at(-1)]
        return `${name}: ${plural(rounds.length, 'round')}, from ${count(first?.[figure])} to ${count(last?.[figure])} pages.`
      })
      .join(' '),
    table: {
      columns: ['Condition', 'Round', 'n', 'Sent (pages, median)', 'Dirtied (pages, median)'],
      rows: drawn.flatMap(({ name, group }) =>
        group.rounds.map(({ index, n, pages_sent, dirty_pages }) => [
          name,
          count(index),
          count(n),
          fixed(pages_sent, 1),
          fixed(dirty_pages, 1),
        ]),
      ),
    },
    series: drawn.map(({ name, look, group }) => ({
      name,
      look,
      points: group.rounds.flatMap((round) =>
        log && round[figure] <= 0 ? [] : [{ x: round.index, y: round[figure] }],
      ),
    })),
    x: { title: 'Round', scale: 'linear', whole: true },
    value: { title: `Pages${log ? ', log' : ''}`, scale: log ? 'log' : 'linear' },
  }
}
