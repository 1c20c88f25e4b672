/** Fetches a file that the lab made for this page, piece by piece. */
import type { LabApi } from '../api/api.ts'
import { fromBase64 } from './bytes.ts'

/** @param onprogress share that has come, 0–1 */
export async function fetchFile(
  api: Pick<LabApi, 'call'>,
  download: string,
  onprogress: (share: number) => void,
): Promise<Blob> {
  const parts: Uint8Array<ArrayBuffer>[] = []
  for (let offset = 0; ;) {
    const { data, size_B } = await api.call('downloads.piece', { download, offset })
    const part = fromBase64(data)
    parts.push(part)
    offset += part.length
    onprogress(size_B === 0 ? 1 : offset / size_B)
    if (offset >= size_B || part.length === 0) break
  }
  return new Blob(parts, { type: 'application/octet-stream' })
}
