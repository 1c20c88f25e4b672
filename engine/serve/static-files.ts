/** The files of a folder by URL path; nothing outside of it, and nothing hidden. */
import { readFile, realpath } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
}
/** Vite's output: its names hold a digest of the contents. */
const HASHED = /^\/assets\/[^/]+-[\w-]{8}\.\w+$/

export interface StaticFile {
  readonly body: Buffer
  readonly type: string
  /** May be kept: what has this name never changes. */
  readonly lasting: boolean
}

export class StaticFiles {
  readonly #root: string

  /** @param root an absolute path */
  constructor(root: string) {
    this.#root = root
  }

  /** @param path of a URL, still encoded; null where it names no file of the folder */
  async read(path: string): Promise<StaticFile | null> {
    const names = segments(path)
    if (names === null) return null
    try {
      const root = await realpath(this.#root)
      // Links are followed before it is looked at where they lead.
      const file = await realpath(join(root, ...names))
      if (!file.startsWith(root + sep)) return null
      const type = TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream'
      return { body: await readFile(file), type, lasting: HASHED.test(path) }
    } catch {
      return null
    }
  }
}

/** Names of folders and file; null where one is not a plain name. */
function segments(path: string): string[] | null {
  let decoded: string
  try {
    decoded = decodeURIComponent(path)
  } catch {
    return null
  }
  const names = decoded.slice(1).split('/')
  // No `..`, nothing hidden, and no separator or stream of another system.
  return names.every((name) => /^[^.\\:\0][^\\:\0]*$/.test(name)) ? names : null
}
