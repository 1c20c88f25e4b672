/** Messages of a run as rows, and their totals. */
import type { MessageView } from '../../../../engine/contract/messages.ts'

export interface MessageRow extends MessageView {
  /** Its place among the messages of the run. */
  readonly index: number
}

/**
 * Adds messages at their places; the rows given stay as they are. What is there already is left out, and so is all of it
 * where messages before it are missing: they are asked for.
 * @param first place of the first message added
 */
export function withMessages(
  rows: readonly MessageRow[],
  first: number,
  added: readonly MessageView[],
): readonly MessageRow[] {
  if (first > rows.length) return rows
  const news = added.slice(rows.length - first)
  if (news.length === 0) return rows
  return [...rows, ...news.map((message, i) => ({ ...message, index: rows.length + i }))]
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
