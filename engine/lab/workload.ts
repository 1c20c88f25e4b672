/** Workloads as users write them, `dirty:2000` or `dirty:2000,8,random`, and the console commands that they mean. */
import { type GuestImage, startCommand, type Workload } from '../../images/manifest.ts'
import type { WorkloadParameter, WorkloadView } from '../contract/workloads.ts'
import { FerryError } from '../util/errors.ts'

/** A workload as front ends have it: its parameters in the order of their values. */
export function workloadView({ name, title, summary, parameters }: Workload): WorkloadView {
  return {
    name,
    title,
    summary,
    parameters: Object.entries(parameters).map(([name, { type: kind, ...parameter }]) => {
      // The discriminant was renamed; that it still belongs to the rest is lost to the compiler.
      return { kind, name, ...parameter } as WorkloadParameter
    }),
  }
}

export interface WorkloadSpec {
  readonly name: string
  /** As written. */
  readonly text: string
  readonly values: readonly string[]
}

/** `NAME[:VALUE[,VALUE…]]`; values are the workload's parameters in the manifest's order. */
export function parseWorkload(text: string): WorkloadSpec {
  const [name, rest = ''] = text.split(':', 2)
  return { name, text, values: rest === '' ? [] : rest.split(',') }
}

/**
 * The console command that starts a workload in a guest.
 * @throws FerryError `workload.unknown`, `workload.parameter`
 */
export function workloadCommand(image: Pick<GuestImage, 'title' | 'workloads'>, spec: WorkloadSpec): string {
  const workload = image.workloads.find(({ name }) => name === spec.name)
  if (workload === undefined) {
    const known = image.workloads.map(({ name }) => name).join(', ')
    throw new FerryError('workload.unknown', `${image.title} has no workload "${spec.name}". It has: ${known}.`, {
      workload: spec.name,
    })
  }
  const names = Object.keys(workload.parameters)
  if (spec.values.length > names.length) {
    throw new FerryError('workload.parameter', `The workload ${spec.text} has too many values; ${usage(workload)}.`)
  }
  const values = Object.fromEntries(spec.values.map((value, i) => [names[i], parameter(workload, names[i], value)]))
  try {
    return startCommand(workload, values)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new FerryError('workload.parameter', `${why} Write it as ${usage(workload)}.`, { workload: spec.text }, cause)
  }
}

const parameter = (workload: Workload, name: string, value: string): string | number =>
  workload.parameters[name].type === 'number' ? Number(value) : value

function usage({ name, parameters }: Workload): string {
  const names = Object.keys(parameters).map((parameter) => parameter.toUpperCase())
  return names.length === 0 ? name : `${name}:${names.join(',')}`
}
