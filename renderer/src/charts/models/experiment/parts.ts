/** What the downtime of an experiment's conditions is made of. Pure. */
import type { Results } from '../../../../../engine/contract/experiment-results.ts'
import type { BarChart } from '../../model.ts'
import { stackedParts } from '../stacked-parts.ts'
import { captionOf, cellsOf } from './cells.ts'

/**
 * @param shown places of the cells that are drawn
 * @param share in % of each mean downtime
 * @returns null where none of them has the parts
 */
export function partsByLevel(results: Results, shown: ReadonlySet<number>, share: boolean): BarChart | null {
  const cells = cellsOf(results).flatMap(({ name, look, group: { downtime_parts: parts } }) =>
    parts === null ? [] : [{ name, look, n: parts.n, parts }],
  )
  const drawn = cells.filter(({ look }) => shown.has(look))
  if (drawn.length === 0) return null
  const trials = drawn.reduce((sum, { n }) => sum + n, 0)
  const caption = captionOf(results, trials, cells.length - drawn.length)
  return stackedParts(drawn, { id: 'experiment-downtime-parts', subject: 'Condition', caption }, share)
}
