/** Which rows of a long list are drawn. All rows are equally high; sizes in pixels. */
export interface ListGeometry {
  readonly scrollTop: number
  /** Height of what shows rows: the header is not part of it. */
  readonly height: number
  readonly rowHeight: number
  readonly count: number
}

export interface ListWindow {
  /** First row drawn, and the one behind the last. */
  readonly start: number
  readonly end: number
  /** Heights that stand for the rows left out. */
  readonly before: number
  readonly after: number
}

export function windowOf({ scrollTop, height, rowHeight, count }: ListGeometry, overscan = 8): ListWindow {
  const first = Math.floor(Math.max(0, scrollTop) / rowHeight)
  const shown = Math.ceil(Math.max(0, height) / rowHeight) + 1
  const start = Math.max(0, Math.min(first, count) - overscan)
  const end = Math.min(count, first + shown + overscan)
  return { start, end: Math.max(start, end), before: start * rowHeight, after: Math.max(0, count - end) * rowHeight }
}

/** Scroll position at which the row is in sight; unchanged where it is already. */
export function scrollTopFor(index: number, { scrollTop, height, rowHeight, count }: ListGeometry): number {
  const top = Math.max(0, Math.min(index, count - 1)) * rowHeight
  if (top < scrollTop) return top
  return top + rowHeight > scrollTop + height ? top + rowHeight - height : scrollTop
}

/** The row that a key leads to, or null for a key that moves nothing. */
export function rowAfterKey(key: string, index: number, count: number, page: number): number | null {
  const to = { ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + page, PageUp: index - page, Home: 0 }[key]
  if (key === 'End') return count - 1
  return to === undefined || count === 0 ? null : Math.max(0, Math.min(count - 1, to))
}
