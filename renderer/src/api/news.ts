/** Answers of a recording change without an event: whoever has asked is told to ask again. */
import type { MethodName } from '../../../engine/contract/lab.ts'
import type { LabApi } from './api.ts'

/** @returns the function that ends it; of a lab that is there, nothing is ever told */
export const onNews = (api: LabApi, methods: readonly MethodName[], look: () => void): (() => void) => {
  const ends = methods.map((method) => api.recorded?.onNews(method, look))
  return () => ends.forEach((end) => end?.())
}
