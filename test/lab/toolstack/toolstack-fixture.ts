/** Terminals of a lab's hosts, for tests. */
import type { LabService } from '../../../engine/lab/service.ts'

/** Carries out a line on a host, which has to succeed. */
export async function sh(service: LabService, host: string, line: string): Promise<string> {
  const { output, status } = await service.call('toolstack.run', { host, line })
  if (status !== 0) throw new Error(`${line}: exit status ${status}: ${output}`)
  return output
}

/** Carries out a line that has to fail. */
export async function fails(service: LabService, host: string, line: string): Promise<string> {
  const { output, status } = await service.call('toolstack.run', { host, line })
  if (status === 0) throw new Error(`${line}: succeeded: ${output}`)
  return output
}

/** Edits a file as a user does: reads it, and writes what is made of it. */
export async function edit(service: LabService, host: string, path: string, change: (text: string) => string) {
  const { text, version } = await service.call('files.read', { host, path })
  return service.call('files.write', { host, path, text: change(text), version })
}
