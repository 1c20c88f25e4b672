/** The contract's methods on recordings. */
import type * as v from 'valibot'
import type { RECORDINGS_METHODS } from '../../contract/recordings.ts'
import type { Recordings } from './recordings.ts'

type Methods = typeof RECORDINGS_METHODS
type Handlers = {
  [M in keyof Methods]: (
    input: v.InferOutput<Methods[M]['input']>,
  ) => v.InferOutput<Methods[M]['output']> | Promise<v.InferOutput<Methods[M]['output']>>
}

export function recordingHandlers(recordings: Recordings): Handlers {
  return {
    'recordings.start': (input) => recordings.start(input),
    'recordings.stop': () => recordings.stop(),
    'recordings.status': () => recordings.status,
    'recordings.list': () => recordings.list(),
    'recordings.read': ({ id, offset, bytes }) => recordings.read(id, offset, bytes),
    'recordings.remove': ({ id }) => recordings.remove(id).then(() => undefined),
    'recordings.restore': ({ id }) => recordings.restore(id).then(() => undefined),
    'recordings.annotate': ({ id, annotations }) => recordings.annotate(id, annotations).then(() => undefined),
    'recordings.sound': ({ stream, data, duration_ms }) => {
      recordings.sound(stream, data, duration_ms)
      return undefined
    },
  }
}
