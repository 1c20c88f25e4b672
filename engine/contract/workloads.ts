/** Guest images, and what their workloads take: `NAME[:VALUE,…]`, the values in the order of the parameters. */
import * as v from 'valibot'

const common = { name: v.string(), title: v.string(), summary: v.string() }

export const workloadParameter = v.variant('kind', [
  v.object({
    kind: v.literal('number'),
    ...common,
    /** E.g. `pages/s`. */
    unit: v.string(),
    minimum: v.number(),
    maximum: v.number(),
    default: v.number(),
  }),
  v.object({ kind: v.literal('choice'), ...common, values: v.array(v.string()), default: v.string() }),
])
export type WorkloadParameter = v.InferOutput<typeof workloadParameter>

export const workloadView = v.object({ ...common, parameters: v.array(workloadParameter) })
export type WorkloadView = v.InferOutput<typeof workloadView>

export const imageView = v.object({
  name: v.string(),
  title: v.string(),
  minimum_MB: v.number(),
  default_MB: v.number(),
  workloads: v.array(workloadView),
})
export type ImageView = v.InferOutput<typeof imageView>
