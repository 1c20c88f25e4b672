/** The messages of a migration's connection, as an inspector shows them: in a list, and one taken apart. */
import * as v from 'valibot'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))

export const messageView = v.object({
  direction: v.picklist(['source-to-target', 'target-to-source']),
  type: v.string(),
  stage: v.number(),
  /** The whole frame, header included. */
  bytes_B: v.number(),
  /** Since the start of the migration. */
  at_ms: v.number(),
})
export type MessageView = v.InferOutput<typeof messageView>

/** A field of a frame, of its header or its payload. */
export const messageField = v.object({
  /** Of the header: `header.NAME`; of the payload: its own. */
  path: v.string(),
  /** In the frame. A field may reach beyond the bytes that are kept. */
  offset: count,
  bytes: count,
  type: v.string(),
  value: v.string(),
  /** In a few words; empty where the name says all. */
  meaning: v.string(),
})
export type MessageField = v.InferOutput<typeof messageField>

export const messageDetails = v.object({
  /** Its place among the messages of the run, from 0. */
  index: count,
  message: messageView,
  /** The first bytes of the frame, in base64: none where an older version stored the run. */
  head: v.string(),
  /** How many bytes of the frame come after those and were not kept. */
  not_kept_B: count,
  fields: v.array(messageField),
})
export type MessageDetails = v.InferOutput<typeof messageDetails>

export const messageList = v.object({
  /** The place of the first of them among the messages of the run. */
  first: count,
  messages: v.array(messageView),
})
