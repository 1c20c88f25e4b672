/** The files of one host: a small tree in memory. What is configuration takes effect before it is kept. */
import type { FileText } from '../../contract/toolstack.ts'
import { FerryError } from '../../util/errors.ts'

/** More is no configuration. */
const MAX_FILES = 256
const MAX_BYTES = 65_536

/** Of the user whose terminals these are. */
export const HOME = '/root'
/** Where xm looks for domains' configurations, and libvirt keeps their definitions. */
export const DOMAINS_XEN = '/etc/xen'
export const DOMAINS_XML = '/etc/libvirt/qemu'

interface Kept {
  readonly text: string
  readonly version: number
}

/** Carries out what a text says. @throws FerryError where it is not valid: the file stays as it was */
export type Apply = (text: string, path: string) => Promise<void> | void

export class HostFiles {
  readonly #host: string
  readonly #apply: (path: string) => Apply | undefined
  readonly #files = new Map<string, Kept>()
  readonly #directories: readonly string[]
  /** Writes follow each other: what takes effect last is what the file says. */
  #writes: Promise<unknown> = Promise.resolve()
  #version = 0

  /**
   * @param initial texts by path
   * @param directories that are there though nothing may be in them
   * @param apply what else is done when a file is written
   */
  constructor(
    host: string,
    initial: Readonly<Record<string, string>>,
    directories: readonly string[],
    apply: (path: string) => Apply | undefined,
  ) {
    this.#host = host
    this.#apply = apply
    this.#directories = directories
    for (const [path, text] of Object.entries(initial)) this.#files.set(path, { text, version: ++this.#version })
  }

  /** All files, by path. */
  get list(): { path: string; version: number }[] {
    return [...this.#files].map(([path, { version }]) => ({ path, version })).sort((a, b) => (a.path < b.path ? -1 : 1))
  }

  has(path: string): boolean {
    return this.#files.has(path)
  }

  isDirectory(path: string): boolean {
    const under = path === '/' ? '/' : `${path}/`
    return [...this.#directories, ...this.#files.keys()].some((other) =>
      other === path ? !this.has(path) : other.startsWith(under),
    )
  }

  /** Names in a directory, in order; those of directories end in `/`. */
  names(path: string): string[] {
    const under = path === '/' ? '/' : `${path}/`
    const names = new Set<string>()
    for (const other of [...this.#files.keys(), ...this.#directories.map((directory) => `${directory}/`)]) {
      if (!other.startsWith(under) || other === under) continue
      const [first, ...rest] = other.slice(under.length).split('/')
      names.add(rest.length > 0 ? `${first}/` : first)
    }
    return [...names].sort()
  }

  /** @throws FerryError `files.unknown` */
  read(path: string): FileText {
    const kept = this.#files.get(path)
    if (kept === undefined) {
      throw new FerryError('files.unknown', `${this.#host} has no file ${path}.`, { host: this.#host, path })
    }
    return { path, ...kept }
  }

  /**
   * @param version the one that the writer had read; absent: whatever there is
   * @throws FerryError `files.changed`, `files.too-many`, `files.too-long`, `files.directory`, `config.*`
   */
  write(path: string, text: string, version?: number): Promise<FileText> {
    const turn = this.#writes.then(() => this.#write(normalPath(path), text, version))
    this.#writes = turn.catch(() => undefined)
    return turn
  }

  /** @throws FerryError `files.unknown` */
  remove(path: string): void {
    this.read(path)
    this.#files.delete(path)
  }

  async #write(path: string, text: string, version: number | undefined): Promise<FileText> {
    const data = { host: this.#host, path }
    const now = this.#files.get(path)?.version ?? 0
    if (version !== undefined && version !== now) {
      const message = `${path} was changed by somebody else meanwhile; nothing was written. Open it again.`
      throw new FerryError('files.changed', message, { ...data, version: now })
    }
    if (now === 0 && this.#files.size >= MAX_FILES) {
      throw new FerryError('files.too-many', `${this.#host} has room for ${MAX_FILES} files.`, data)
    }
    if (Buffer.byteLength(text) > MAX_BYTES) {
      throw new FerryError('files.too-long', `A file of a host has at most ${MAX_BYTES / 1024} KiB.`, data)
    }
    if (this.isDirectory(path)) throw new FerryError('files.directory', `${path} is a directory.`, data)
    await this.#apply(path)?.(text, path)
    this.#files.set(path, { text, version: ++this.#version })
    return this.read(path)
  }
}

/** A path from the root, without `.`, `..` and double slashes. @param from directory that relative paths begin in */
export function normalPath(path: string, from = '/'): string {
  const parts: string[] = []
  for (const part of (path.startsWith('/') ? path : `${from}/${path}`).split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}
