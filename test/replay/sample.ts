/** The recording that the tests replay. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { readRecording } from '../../engine/recording/read.ts'
import { RecordingModel } from '../../renderer/src/replay/model.ts'

export const SAMPLE = fileURLToPath(new URL('../fixtures/recordings/labos-crossings.ferryrec', import.meta.url))

export const sampleModel = async (): Promise<RecordingModel> =>
  new RecordingModel(await readRecording(await readFile(SAMPLE)))
