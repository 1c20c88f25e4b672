/** Mean parts of the downtime, stacked; means, because they add up to the mean downtime while medians do not. Pure. */
import type { DowntimeParts } from '../../../../engine/contract/report.ts'
import { count, fixed, milliseconds } from '../../data/format.ts'
import type { BarChart } from '../model.ts'
import { DOWNTIME_PARTS } from './downtime-parts.ts'

export interface PartsGroup {
  readonly name: string
  /** Migrations behind the means. */
  readonly n: number
  readonly parts: DowntimeParts
}

/**
 * @param groups not empty
 * @param subject what a group is, as the table's first column
 * @param share each part in % of its mean downtime, so that short ones can be read beside long ones
 */
export function stackedParts(
  groups: readonly PartsGroup[],
  { id, subject, caption }: { id: string; subject: string; caption: string },
  share: boolean,
): BarChart {
  const total = ({ parts }: PartsGroup): number => DOWNTIME_PARTS.reduce((sum, { key }) => sum + parts[key], 0)
  const largest = ({ parts }: PartsGroup): string =>
    DOWNTIME_PARTS.reduce((a, b) => (parts[b.key] > parts[a.key] ? b : a)).name
  return {
    kind: 'bars',
    stacked: true,
    id,
    title: 'What the downtime is made of',
    definition: `Mean of each part; the parts follow each other and add up to the mean downtime. ${DOWNTIME_PARTS.map(({ name, meaning }) => `${name}: ${meaning}`).join(' ')}`,
    caption,
    summary: groups
      .map((g) => `${g.name}: mean downtime ${milliseconds(total(g))}, mostly ${largest(g)}, n = ${g.n}.`)
      .join(' '),
    table: {
      columns: [subject, 'n', ...DOWNTIME_PARTS.map(({ name }) => `${name} (ms)`), 'Mean downtime (ms)'],
      rows: groups.map((g) => [
        g.name,
        count(g.n),
        ...DOWNTIME_PARTS.map(({ key }) => fixed(g.parts[key], 2)),
        fixed(total(g), 2),
      ]),
    },
    categories: groups.map((g) => `${g.name} (n ${g.n}, ${milliseconds(total(g))})`),
    categoryTitle: subject,
    series: DOWNTIME_PARTS.map(({ key, name }, look) => ({
      name,
      look,
      values: groups.map((g) => (share ? (100 * g.parts[key]) / (total(g) || 1) : g.parts[key])),
    })),
    value: {
      title: share ? 'Share of the mean downtime (%)' : 'Mean downtime (ms)',
      scale: 'linear',
      ...(share ? { most: 100 } : {}),
    },
  }
}
