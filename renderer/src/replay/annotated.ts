/** A recording with what was added to it. */
import { encodeChunk } from '../../../engine/recording/chunk.ts'
import type { Annotations } from '../../../engine/recording/entries.ts'

/** The file with other annotations: the last ones in it count. */
export async function annotated(file: Uint8Array<ArrayBuffer>, annotations: Annotations): Promise<Blob> {
  const chunk = await encodeChunk('annotations', new TextEncoder().encode(JSON.stringify(annotations)), 0, 0)
  return new Blob([file, chunk], { type: 'application/octet-stream' })
}
