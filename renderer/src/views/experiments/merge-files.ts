/** Opens result files of other machines and has the lab merge them, one after the other. */
import type { MergedView } from '../../../../engine/contract/merging.ts'
import type { LabApi } from '../../api/api.ts'
import { handOver, type UserFile } from '../../data/hand-over.ts'
import { plural } from '../../data/format.ts'
import { explain } from '../../state/errors.ts'

export interface MergeOutcome {
  readonly name: string
  readonly refused: boolean
  /** What came of it, in a sentence. */
  readonly text: string
}

/**
 * Merges one file; a refusal is its outcome.
 * @param onprogress bytes of the file that were handed over
 */
export async function mergeFile(
  api: Pick<LabApi, 'call'>,
  file: UserFile,
  onprogress: (sent_B: number) => void,
): Promise<MergeOutcome> {
  const name = file.name.slice(0, 255)
  try {
    const upload = await handOver(api, file, onprogress)
    return { name, refused: false, text: sentenceOf(await api.call('merging.merge', { upload, name })) }
  } catch (thrown) {
    return { name, refused: true, text: explain(thrown, '').message }
  }
}

function sentenceOf({ runs, runs_known, experiments, experiments_known }: MergedView): string {
  if (runs + experiments === 0 && runs_known + experiments_known === 0) return 'It holds no runs.'
  const known =
    runs_known + experiments_known === 0
      ? ''
      : `; ${plural(runs_known, 'run')} and ${plural(experiments_known, 'experiment')} were here already`
  return `${plural(runs, 'run')} and ${plural(experiments, 'experiment')} came${known}.`
}
