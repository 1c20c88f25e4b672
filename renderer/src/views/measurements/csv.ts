/** The runs of a filter as CSV. The lab gives so many runs a call; the parts are put together under one header. */
import type { MethodInput } from '../../../../engine/contract/lab.ts'
import type { LabApi } from '../../api/api.ts'
import { filterInput, NO_FILTER, type RunFilter } from '../../data/filtering.ts'

export type CsvSubject = MethodInput<'runs.export'>['what']
const MOST = 10_000

export async function csvOf(
  api: Pick<LabApi, 'call'>,
  what: CsvSubject,
  chosen: RunFilter = NO_FILTER,
  most = MOST,
): Promise<{ csv: string; runs: number }> {
  const parts: string[] = []
  let runs = 0
  for (;;) {
    const filter = { ...filterInput(chosen), limit: most, offset: runs }
    const part = await api.call('runs.export', { what, filter })
    runs += part.runs
    parts.push(parts.length === 0 ? part.csv : withoutHeader(part.csv))
    if (part.runs < most) return { csv: parts.join(''), runs }
    // A summary's groups cannot be added up from parts.
    if (what === 'summary')
      throw new Error(`A summary holds at most ${most} runs; filter the runs, or export the raw runs.`)
  }
}

/** Headers are names of ours: no line break in them. */
const withoutHeader = (csv: string): string => csv.slice(csv.indexOf('\n') + 1)
