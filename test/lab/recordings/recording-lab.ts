/** Labs for tests of recordings: one with a folder of its own, and one that is none. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { RecordingStatus } from '../../../engine/contract/recordings.ts'
import type { Recorded } from '../../../engine/lab/recordings/recordings.ts'
import { LabService } from '../../../engine/lab/service.ts'
import { type Recording, readRecording } from '../../../engine/recording/read.ts'
import { MACHINE } from '../experiments/plans.ts'

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-recordings-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Two hosts, LabOS where it is asked for. */
export async function openRecordedLab() {
  const folder = await temporaryFolder()
  const service = new LabService({ store: ':memory:', recordings: folder, standby: false, machine: MACHINE })
  onTestFinished(() => service.close())
  for (const kind of ['xen', 'kvm'] as const) await service.call('hosts.add', { name: kind, kind, port: 0 })
  /** Begins a recording; its file is in the folder. */
  const record = async (input: { title?: string }) => {
    const { recording_id: id } = await service.call('recordings.start', input)
    return { id, path: join(folder, `${id}.ferryrec`) }
  }
  return { service, folder, record }
}

export const readFrom = async (path: string): Promise<Recording> => readRecording(await readFile(path))

/** A lab with nothing in it, that tells nothing. */
export function noLab(told: RecordingStatus[] = []): Recorded {
  return {
    call: () => Promise.reject(new Error('There is nothing to ask.')),
    on: () => () => {},
    tell: (status) => void told.push(status),
    guests: () => [],
    crossings: () => [],
  }
}

export async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 10))
}
