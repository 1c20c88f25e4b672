/** What the user chose, kept in this browser or app. */
export type Theme = 'system' | 'light' | 'dark'

export function read(key: string): string | null {
  try {
    return localStorage.getItem(`ferry.${key}`)
  } catch {
    return null
  }
}

export function write(key: string, value: string): void {
  try {
    localStorage.setItem(`ferry.${key}`, value)
  } catch {
    // Without a place to keep it, the choice lasts as long as the window.
  }
}

class Preferences {
  #theme = $state<Theme>(themeOf(read('theme')))
  #link = $state(read('link') ?? '1G')
  /** Height of the upper pane of the lab, as a share of the window; 0 = by its content. */
  #split = $state(Number(read('split') ?? 0) || 0)

  /** Changes with every change of the colours: for what is painted by hand. */
  looks = $state(0)

  constructor() {
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.looks++)
  }

  get theme(): Theme {
    return this.#theme
  }
  set theme(theme: Theme) {
    this.#theme = theme
    write('theme', theme)
    this.applyTheme()
  }

  get link(): string {
    return this.#link
  }
  set link(link: string) {
    this.#link = link
    write('link', link)
  }

  get split(): number {
    return this.#split
  }
  set split(split: number) {
    this.#split = split
    write('split', String(split))
  }

  applyTheme(): void {
    const { documentElement: root } = document
    if (this.#theme === 'system') root.removeAttribute('data-theme')
    else root.dataset['theme'] = this.#theme
    this.looks++
  }
}

function themeOf(text: string | null): Theme {
  return text === 'light' || text === 'dark' ? text : 'system'
}

export const preferences = new Preferences()
