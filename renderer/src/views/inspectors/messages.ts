/** Messages of a run as rows, and their totals. */
import type { MessageView } from '../../../../engine/contract/lab.ts'

export interface MessageRow extends MessageView {
  readonly index: number
  /** Its number among the messages of its direction. */
  readonly sequence: number
}

/** Appends; the rows given stay as they are. */
export function withMessages(rows: readonly MessageRow[], added: readonly MessageView[]): MessageRow[] {
  const next = { 'source-to-target': 0, 'target-to-source': 0 }
  for (const row of rows) next[row.direction] = row.sequence + 1
  return [
    ...rows,
    ...added.map((message, i) => ({ ...message, index: rows.length + i, sequence: next[message.direction]++ })),
  ]
}

export interface TypeTotal {
  readonly type: string
  readonly direction: MessageView['direction']
  readonly count: number
  readonly bytes_B: number
}

/** By type and direction, in the order in which they first occurred. */
export function totalsByType(messages: readonly MessageView[]): TypeTotal[] {
  const totals = new Map<string, TypeTotal>()
  for (const { type, direction, bytes_B } of messages) {
    const key = `${direction} ${type}`
    const held = totals.get(key) ?? { type, direction, count: 0, bytes_B: 0 }
    totals.set(key, { ...held, count: held.count + 1, bytes_B: held.bytes_B + bytes_B })
  }
  return [...totals.values()]
}
