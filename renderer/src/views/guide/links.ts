/** Where a link in an exercise leads. */
import type { GUIDE_ACTIONS } from '../../../../engine/contract/guide.ts'

export type GuideAction = (typeof GUIDE_ACTIONS)[number]
export interface GuideLinks {
  exercise(id: string): void
  action(action: GuideAction): void
}
