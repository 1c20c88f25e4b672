/** Gives the user a file: the desktop app asks where to, a browser puts it where downloads go. */
import { LabError } from '../api/api.ts'

/** @returns the file's name, or null where the user cancelled */
export async function download(name: string, content: Blob): Promise<string | null> {
  if (window.ferry !== undefined) {
    const data = /^(image\/png|video\/webm|application\/octet-stream)/.test(content.type)
      ? new Uint8Array(await content.arrayBuffer())
      : await content.text()
    const answer = await window.ferry.saveFile({ name, data })
    if ('error' in answer) throw new LabError(answer.error.code, answer.error.message, answer.error.data)
    return answer.result
  }
  const address = URL.createObjectURL(content)
  const link = document.createElement('a')
  link.href = address
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
  // The browser has taken the data by then, whatever it asks the user.
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
  return name
}

/** `ferry-runs-20261122-123113.csv`. */
export function fileName(subject: string, extension: string, at = new Date()): string {
  const stamp = at.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-')
  return `ferry-${subject}-${stamp}.${extension}`
}
