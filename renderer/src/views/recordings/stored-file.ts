/** A recording of the lab's folder: read piece by piece, and given to the user as a file to hand out. */
import type { LabApi } from '../../api/api.ts'
import { fromBase64 } from '../../data/bytes.ts'
import { download } from '../../data/download.ts'

/** All that is in it by now. @throws LabError */
export async function storedFile(api: LabApi, id: string): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = []
  for (let offset = 0; ;) {
    const { data, size_B } = await api.call('recordings.read', { id, offset })
    const part = fromBase64(data)
    parts.push(part)
    offset += part.length
    if (offset >= size_B || part.length === 0) break
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer())
}

/** @returns the name of the copy; null: the user cancelled. @throws LabError */
export async function saveCopy(api: LabApi, id: string): Promise<string | null> {
  return download(`${id}.ferryrec`, new Blob([await storedFile(api, id)], { type: 'application/octet-stream' }))
}
