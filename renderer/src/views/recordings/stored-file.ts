/** A recording of the lab's folder: read piece by piece, and given to the user as a file to hand out. */
import type { LabApi } from '../../api/api.ts'
import { download } from '../../data/download.ts'
import { fetchPieces } from '../../data/fetch-file.ts'

const fetchRecording = (api: LabApi, id: string): Promise<Blob> =>
  fetchPieces((offset) => api.call('recordings.read', { id, offset }))

/** All that is in it by now. @throws LabError */
export async function storedFile(api: LabApi, id: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await fetchRecording(api, id)).arrayBuffer())
}

/** @returns the name of the copy; null: the user cancelled. @throws LabError */
export async function saveCopy(api: LabApi, id: string): Promise<string | null> {
  return download(`${id}.ferryrec`, await fetchRecording(api, id))
}
