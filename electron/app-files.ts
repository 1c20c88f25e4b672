/** What stands at `ferry://app/`: addresses, files and the policy for pages. Knows no Electron. */
import { extname, join, sep } from 'node:path'

export const SCHEME = 'ferry'
export const ORIGIN = `${SCHEME}://app`
export const PAGE = `${ORIGIN}/index.html`

export const isOurs = (url: string): boolean => url === ORIGIN || url.startsWith(`${ORIGIN}/`)

/**
 * Scripts and everything else come from the app itself. Inline styles are allowed because xterm.js makes style elements;
 * pictures of charts and screens are blobs and data, and the voice of a recording is a blob.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  'media-src blob:',
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "frame-src 'none'",
  "object-src 'none'",
].join('; ')

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}

/** The file that an address stands for, or undefined where it leads out of the folder or to no type of ours. */
export function fileFor(address: string, folder: string): { path: string; type: string } | undefined {
  let name: string
  try {
    const url = new URL(address)
    if (url.protocol !== `${SCHEME}:` || url.host !== 'app') return undefined
    name = decodeURIComponent(url.pathname)
  } catch {
    return undefined
  }
  if (name.includes('\0') || name.includes('\\')) return undefined
  const path = join(folder, name === '/' ? 'index.html' : name)
  const type = TYPES[extname(path)]
  return type !== undefined && path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
    ? { path, type }
    : undefined
}
