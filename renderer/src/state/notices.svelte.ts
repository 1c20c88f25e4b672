/** Short messages that come and go: what was done, what went wrong elsewhere, and the way back. */
export interface Notice {
  readonly id: number
  readonly tone: 'good' | 'bad' | 'info'
  readonly text: string
  readonly detail?: string | undefined
  readonly action?: { readonly label: string; readonly run: () => void } | undefined
}

const SHOWN_MS = 6000
const MOST = 4

class Notices {
  list = $state.raw<readonly Notice[]>([])
  #next = 1

  /** Errors and offers stay until they are closed. */
  show(tone: Notice['tone'], text: string, more: Pick<Notice, 'detail' | 'action'> = {}): void {
    const notice = { id: this.#next++, tone, text, ...more }
    this.list = [...this.list, notice].slice(-MOST)
    if (tone !== 'bad' && more.action === undefined) setTimeout(() => this.close(notice.id), SHOWN_MS)
  }

  close(id: number): void {
    this.list = this.list.filter((notice) => notice.id !== id)
  }
}

export const notices = new Notices()
