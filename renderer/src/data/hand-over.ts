/** Hands a file of the user over to the lab, piece by piece: the page has its content and no path of it. */
import { MOST_PIECE_BYTES } from '../../../engine/contract/uploads.ts'
import type { LabApi } from '../api/api.ts'
import { toBase64 } from './bytes.ts'

/** What this needs of a `File`. */
export interface UserFile {
  readonly name: string
  readonly size: number
  slice(from: number, to: number): Blob
}

/**
 * @param onprogress bytes that were handed over
 * @returns what the lab knows the file by
 */
export async function handOver(
  api: Pick<LabApi, 'call'>,
  file: UserFile,
  onprogress: (sent_B: number) => void,
): Promise<string> {
  const upload = crypto.randomUUID()
  // A file of no bytes is handed over as well: the lab says what is wrong with it.
  for (let offset = 0; offset === 0 || offset < file.size; offset += MOST_PIECE_BYTES) {
    const piece = await file.slice(offset, offset + MOST_PIECE_BYTES).arrayBuffer()
    await api.call('uploads.piece', { upload, offset, data: toBase64(new Uint8Array(piece)) })
    onprogress(Math.min(file.size, offset + MOST_PIECE_BYTES))
  }
  return upload
}
