/**
 * Writes the "newc" cpio format, the only one Linux unpacks an initramfs from
 * (Documentation/driver-api/early-userspace/buffer-format.rst).
 * The same entries always give the same bytes: times and owners are 0, inodes count up in path order.
 */

export type CpioEntry =
  | { readonly path: string; readonly type: 'directory'; readonly mode?: number }
  | { readonly path: string; readonly type: 'file'; readonly data: Uint8Array; readonly mode?: number }
  | { readonly path: string; readonly type: 'symlink'; readonly target: string }
  | {
      readonly path: string
      readonly type: 'device'
      readonly mode?: number
      readonly major: number
      readonly minor: number
    }

const S_IFDIR = 0o040000
const S_IFREG = 0o100000
const S_IFLNK = 0o120000
const S_IFCHR = 0o020000
const TRAILER = 'TRAILER!!!'

/**
 * One archive of all entries. Paths are relative, without a leading slash; missing parent directories are added.
 * Throws RangeError on a path given twice or one that is empty, absolute or climbs with `..`.
 */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const byPath = new Map<string, CpioEntry>()
  for (const entry of entries) {
    const parts = entry.path.split('/')
    if (parts.some((part) => part === '' || part === '.' || part === '..')) {
      throw new RangeError(`"${entry.path}" is not a relative path that can go into an archive.`)
    }
    if (byPath.has(entry.path)) throw new RangeError(`"${entry.path}" is in the archive twice.`)
    byPath.set(entry.path, entry)
  }
  for (const path of [...byPath.keys()]) {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const parent = path.slice(0, slash)
      if (!byPath.has(parent)) byPath.set(parent, { path: parent, type: 'directory' })
    }
  }

  const out: Buffer[] = []
  let inode = 1
  // Code-point order puts every directory before what it holds.
  for (const path of [...byPath.keys()].sort()) {
    const entry = byPath.get(path)
    if (entry !== undefined) out.push(record(entry, inode++))
  }
  out.push(header({ inode: 0, mode: 0, links: 1, size: 0, major: 0, minor: 0, path: TRAILER }))
  return Buffer.concat(out)
}

function record(entry: CpioEntry, inode: number): Buffer {
  const common = { inode, links: 1, size: 0, major: 0, minor: 0, path: entry.path }
  switch (entry.type) {
    case 'directory':
      return header({ ...common, mode: S_IFDIR | (entry.mode ?? 0o755), links: 2 })
    case 'device':
      return header({ ...common, mode: S_IFCHR | (entry.mode ?? 0o600), major: entry.major, minor: entry.minor })
    case 'symlink':
      return withData({ ...common, mode: S_IFLNK | 0o777 }, Buffer.from(entry.target))
    case 'file':
      return withData({ ...common, mode: S_IFREG | (entry.mode ?? 0o644) }, Buffer.from(entry.data))
  }
}

interface Header {
  inode: number
  mode: number
  links: number
  size: number
  major: number
  minor: number
  path: string
}

function withData(fields: Header, data: Buffer): Buffer {
  return Buffer.concat([header({ ...fields, size: data.length }), data, Buffer.alloc(-data.length & 3)])
}

/** "070701", thirteen 8-digit hexadecimal fields, the name with its zero, all padded to 4 bytes. */
function header(h: Header): Buffer {
  const name = Buffer.from(`${h.path}\0`)
  const fields = [h.inode, h.mode, 0, 0, h.links, 0, h.size, 0, 0, h.major, h.minor, name.length, 0]
  const head = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`, 'latin1')
  return Buffer.concat([head, name, Buffer.alloc(-(head.length + name.length) & 3)])
}
