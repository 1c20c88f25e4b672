/** Fetches a file that the lab has, piece by piece. */
import type { LabApi } from '../api/api.ts'
import { fromBase64 } from './bytes.ts'

/** A piece of a file, as the lab gives it. */
interface Piece {
  readonly data: string
  readonly size_B: number
}

/**
 * All that is in a file by now.
 * @param read the piece that begins at an offset
 * @param onprogress share that has come, 0–1
 */
export async function fetchPieces(
  read: (offset: number) => Promise<Piece>,
  onprogress: (share: number) => void = () => {},
): Promise<Blob> {
  const parts: Uint8Array<ArrayBuffer>[] = []
  for (let offset = 0; ;) {
    const { data, size_B } = await read(offset)
    const part = fromBase64(data)
    parts.push(part)
    offset += part.length
    onprogress(size_B === 0 ? 1 : offset / size_B)
    if (offset >= size_B || part.length === 0) break
  }
  return new Blob(parts, { type: 'application/octet-stream' })
}

/** A file that the lab made for this page. @param onprogress share that has come, 0–1 */
export function fetchFile(
  api: Pick<LabApi, 'call'>,
  download: string,
  onprogress: (share: number) => void,
): Promise<Blob> {
  return fetchPieces((offset) => api.call('downloads.piece', { download, offset }), onprogress)
}
