/** Keeps what was added to a recording: in its file where it is one of the lab's, else in a copy. */
import type { LabApi } from '../../api/api.ts'
import { download } from '../../data/download.ts'
import { annotated } from '../../replay/annotated.ts'
import type { Opened } from './opened.svelte.ts'

/** @returns the name of the copy; '' where the lab has it; null: the user cancelled. @throws LabError */
export async function saveAnnotations(api: LabApi, { id, name, bytes, player }: Opened): Promise<string | null> {
  const { annotations } = player
  if (id === null) return download(`${name}.ferryrec`, await annotated(bytes, annotations))
  await api.call('recordings.annotate', { id, annotations })
  return ''
}
