/** The views of the window, in the order of their tabs: a view is added here, and its key to the shell's menu. */
import type { Component } from 'svelte'
import type { LabApi } from '../api/api.ts'

/** A view whose code is loaded when it is first shown. */
interface LazyView {
  readonly id: string
  readonly title: string
  /** Alt and this digit. */
  readonly digit: string
  readonly load: () => Promise<{ default: Component<{ api: LabApi }> }>
}

/** The lab itself is always loaded. */
export const LAB_VIEW = { id: 'lab', title: 'Lab', digit: '1' } as const

export const LAZY_VIEWS = [
  {
    id: 'measurements',
    title: 'Measurements',
    digit: '2',
    load: () => import('./measurements/MeasurementsView.svelte'),
  },
  {
    id: 'experiments',
    title: 'Experiments',
    digit: '4',
    load: () => import('./experiments/ExperimentsView.svelte'),
  },
  {
    id: 'recordings',
    title: 'Recordings',
    digit: '5',
    load: () => import('./recordings/RecordingsView.svelte'),
  },
] as const satisfies readonly LazyView[]

export const VIEWS = [LAB_VIEW, ...LAZY_VIEWS] as const
export type View = (typeof VIEWS)[number]['id']

/** The view that the address names; the lab where it names none. */
export const viewOf = (hash: string): View => VIEWS.find(({ id }) => hash === `#${id}`)?.id ?? 'lab'
