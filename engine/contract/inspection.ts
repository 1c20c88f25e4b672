/** What the inspectors show of a guest: its state in three forms, the memory of its host, its screen. */
import * as v from 'valibot'
import { hostKind } from './report.ts'

/** One field of a native record or of the common format, as an inspector shows it. */
export const fieldView = v.object({
  path: v.string(),
  offset: v.number(),
  bytes: v.number(),
  type: v.string(),
  /** Numbers in hexadecimal, byte strings as hex pairs. */
  value: v.string(),
})
export type FieldView = v.InferOutput<typeof fieldView>

export const recordView = v.object({
  name: v.string(),
  instance: v.number(),
  bytes: v.number(),
  fields: v.array(fieldView),
})
export type RecordView = v.InferOutput<typeof recordView>

/** A guest's state as its host's hypervisor, the common format, and another hypervisor hold it. */
export const stateView = v.object({
  source: v.object({ kind: hostKind, records: v.array(recordView) }),
  common: v.array(recordView),
  target: v.object({ kind: hostKind, records: v.array(recordView) }),
  /** Fields that a native form has no place for. */
  not_representable: v.array(v.object({ kind: hostKind, section: v.string(), path: v.string(), reason: v.string() })),
})
export type StateView = v.InferOutput<typeof stateView>

/** A stretch of a guest's memory, as its hypervisor sees it. */
export const memoryRow = v.object({
  name: v.string(),
  guest_address: v.number(),
  bytes: v.number(),
  target: v.string(),
  logged: v.boolean(),
  dirty_pages: v.number(),
})
export const memoryView = v.object({
  kind: hostKind,
  mode: v.string(),
  pages: v.number(),
  /** How many stretches there are; `rows` has the first of them. */
  rows_total: v.number(),
  rows: v.array(memoryRow),
  /** p2m: the machine frame of each guest frame, u32 little endian, in base64; null where not asked for, or none. */
  frames: v.nullable(v.string()),
})
export type MemoryViewView = v.InferOutput<typeof memoryView>

/** What the guest's screen shows. */
export const screenView = v.variant('kind', [
  v.object({ kind: v.literal('text'), columns: v.number(), rows: v.number(), lines: v.array(v.string()) }),
  v.object({
    kind: v.literal('graphics'),
    width: v.number(),
    height: v.number(),
    /** RGBA, 4 bytes a pixel, in base64. */
    rgba: v.string(),
  }),
])
export type ScreenView = v.InferOutput<typeof screenView>
