/** What is known of every page of a guest's RAM: one state each. */
import * as v from 'valibot'

/** The number of each state in `pagesView.states`. */
export const PAGE_STATE = { zero: 0, clean: 1, dirty: 2, missing: 3, sent: 4, resent: 5, live: 6 } as const
export type PageStateName = keyof typeof PAGE_STATE
export type PageState = (typeof PAGE_STATE)[PageStateName]

/** The legend, in the order of the numbers. */
export const PAGE_STATES: readonly {
  readonly name: PageStateName
  readonly title: string
  readonly meaning: string
}[] = [
  { name: 'zero', title: 'Zero', meaning: 'Holds nothing but zeros; only its number travels.' },
  { name: 'clean', title: 'Clean', meaning: 'Holds data, and is not in a dirty log.' },
  { name: 'dirty', title: 'Dirty', meaning: 'Written since it was sent, or since the dirty log was last cleared.' },
  { name: 'missing', title: 'Missing', meaning: 'Not on the target yet.' },
  { name: 'sent', title: 'Sent', meaning: 'On the target as it is here; it travelled once.' },
  { name: 'resent', title: 'Resent', meaning: 'On the target as it is here; it travelled more than once.' },
  { name: 'live', title: 'Live', meaning: 'On the target, where the guest runs with it.' },
]

export const pagesView = v.object({
  /** The host that runs the guest. */
  host: v.string(),
  /** The migration that the states are about; null: the guest is at rest. */
  run_id: v.nullable(v.string()),
  /** Pages of RAM. */
  pages: v.number(),
  /** One byte a page, a number of `PAGE_STATE`, in base64. */
  states: v.string(),
})
export type PagesView = v.InferOutput<typeof pagesView>
