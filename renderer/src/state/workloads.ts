/**
 * What the images' workloads are called on screen, and their parameters in the order in which `NAME:VALUE,…` has them.
 * The lab checks the values; an image or workload that is not listed here is offered with a free line of values.
 */
export type Parameter =
  | {
      readonly kind: 'number'
      readonly label: string
      readonly hint: string
      readonly value: number
      readonly min: number
      readonly max: number
    }
  | {
      readonly kind: 'choice'
      readonly label: string
      readonly hint: string
      readonly value: string
      readonly values: readonly string[]
    }

export interface WorkloadInfo {
  readonly title: string
  readonly hint: string
  readonly parameters: readonly Parameter[]
}

const number = (label: string, hint: string, value: number, min: number, max: number): Parameter => ({
  kind: 'number',
  label,
  hint,
  value,
  min,
  max,
})

const dirty = (megabytes: number): WorkloadInfo => ({
  title: 'Writes pages',
  hint: 'Dirties its working set at a fixed rate: the harder it writes, the harder it is to move.',
  parameters: [
    number('Pages per second', 'How fast pages get dirty.', 2000, 1, 1_000_000),
    number('Working set, MB', 'The memory it writes to.', megabytes, 1, 1024),
    {
      kind: 'choice',
      label: 'Pattern',
      hint: 'The order in which pages are written.',
      value: 'random',
      values: ['seq', 'random', 'hotcold'],
    },
  ],
})

const idle: WorkloadInfo = { title: 'Idle', hint: 'The guest waits at its prompt.', parameters: [] }

const WORKLOADS: Readonly<Record<string, Readonly<Record<string, WorkloadInfo>>>> = {
  labos: {
    idle,
    dirty: dirty(4),
    disk: {
      title: 'Reads the disk',
      hint: 'Reads blocks by DMA, which dirties memory behind the vCPU.',
      parameters: [number('Reads per second', 'Blocks of 4 kB.', 100, 1, 10_000)],
    },
  },
  linux: {
    idle,
    web: { title: 'Serves web pages', hint: 'A web server on port 80.', parameters: [] },
    dirty: dirty(8),
    disk: { title: 'Writes the disk', hint: 'Writes and verifies the raw disk; give the guest one.', parameters: [] },
    compile: {
      title: 'Many short processes',
      hint: 'Starts and ends processes, as a compilation does.',
      parameters: [],
    },
  },
}

export function workloadInfo(image: string, name: string): WorkloadInfo {
  return WORKLOADS[image]?.[name] ?? { title: name, hint: '', parameters: [] }
}

/** `dirty` and its values → `dirty:2000,4,random`. */
export function workloadText(name: string, values: readonly (string | number)[]): string {
  return values.length === 0 ? name : `${name}:${values.join(',')}`
}

export function parseWorkload(text: string): { name: string; values: string[] } {
  const [name = '', rest = ''] = text.split(':', 2)
  return { name, values: rest === '' ? [] : rest.split(',') }
}

/** `dirty:2000,4,random` → `Writes pages · 2000 · 4 · random`. */
export function workloadTitle(image: string, text: string): string {
  const { name, values } = parseWorkload(text)
  return [workloadInfo(image, name).title, ...values].join(' · ')
}
