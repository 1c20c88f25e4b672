/** Workloads as the contract has them, on screen and as text. */
import type { ImageView, WorkloadView } from '../../../engine/contract/workloads.ts'

/** A workload that the image does not know, of an older run say, has its name and nothing more. */
export function workloadInfo(image: Pick<ImageView, 'workloads'> | undefined, name: string): WorkloadView {
  const found = image?.workloads.find((workload) => workload.name === name)
  return found ?? { name, title: name, summary: '', parameters: [] }
}

/** `dirty` and its values → `dirty:2000,4,random`. */
export function workloadText(name: string, values: readonly (string | number)[]): string {
  return values.length === 0 ? name : `${name}:${values.join(',')}`
}

export function parseWorkload(text: string): { name: string; values: string[] } {
  const [name = '', rest = ''] = text.split(':', 2)
  return { name, values: rest === '' ? [] : rest.split(',') }
}

/** `dirty:2000,4,random` → `Writes pages · 2000 pages/s · 4 MiB · random`. */
export function workloadTitle(image: Pick<ImageView, 'workloads'> | undefined, text: string): string {
  const { name, values } = parseWorkload(text)
  const { title, parameters } = workloadInfo(image, name)
  const units = parameters.map((parameter) => (parameter.kind === 'number' ? ` ${parameter.unit}` : ''))
  return [title, ...values.map((value, i) => value + (units[i] ?? ''))].join(' · ')
}
