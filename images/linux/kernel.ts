/** Takes the kernel package apart: bzImage, the unpacked kernel inside it, and the modules that are wanted. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { elfSection, isElf32 } from '../elf32.ts'
import { ImageError } from '../errors.ts'
import { mustRun } from '../tools.ts'
import { parseBzImage } from './boot.ts'

export interface KernelModule {
  /** Name as insmod's file is called, e.g. `ne2k-pci`. */
  readonly name: string
  readonly bytes: Buffer
}

export interface KernelFiles {
  /** e.g. `6.1.0-50-686` */
  readonly release: string
  readonly bzimage: Buffer
  readonly vmlinux: Buffer
  /** Per wanted set, the modules in the order they have to be inserted. */
  readonly modules: Readonly<Record<string, readonly KernelModule[]>>
}

/**
 * Unpacks a Debian kernel package. `wanted` names sets of modules; each comes back with everything it depends on.
 * Uses `scratch` for temporary files. Throws {@link ImageError} `tool` or `invalid`.
 */
export async function extractKernel(
  deb: string,
  wanted: Readonly<Record<string, readonly string[]>>,
  scratch: string,
): Promise<KernelFiles> {
  const directory = await mkdtemp(join(scratch, 'kernel-'))
  try {
    await mustRun('dpkg-deb', ['--extract', deb, directory])
    const boot = await readdir(join(directory, 'boot'))
    const image = boot.find((name) => name.startsWith('vmlinuz-'))
    if (image === undefined) throw new ImageError('invalid', 'The kernel package holds no vmlinuz.')
    const release = image.slice('vmlinuz-'.length)
    const bzimage = await readFile(join(directory, 'boot', image))
    const tree = join(directory, 'lib', 'modules', release, 'kernel')
    const paths = new Map<string, string>()
    for (const path of await readdir(tree, { recursive: true })) {
      if (path.endsWith('.ko')) paths.set(moduleKey(path.slice(path.lastIndexOf('/') + 1, -3)), join(tree, path))
    }
    const modules: Record<string, KernelModule[]> = {}
    for (const [set, names] of Object.entries(wanted)) modules[set] = await inInsertionOrder(names, paths)
    return { release, bzimage, vmlinux: await unpackKernel(bzimage, directory), modules }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/**
 * The ELF kernel inside a bzImage. Throws {@link ImageError} `invalid` or `tool`.
 *
 * The payload is an xz stream with the x86 branch filter. Every Debian has a decompressor for that, dpkg-deb: the
 * payload is put into the smallest possible package as its "data" member.
 */
export async function unpackKernel(bzimage: Uint8Array, scratch: string): Promise<Buffer> {
  const { payload } = parseBzImage(bzimage)
  const bytes: Buffer = Buffer.from(bzimage.subarray(payload.offset, payload.offset + payload.length))
  if (bytes.length !== payload.length || bytes.length < 8) throw new ImageError('invalid', 'The bzImage is cut off.')
  const compression = COMPRESSIONS.find(([magic]) => bytes.toString('hex', 0, magic.length / 2) === magic)?.[1]
  if (compression === undefined) {
    throw new ImageError(
      'invalid',
      'The kernel in this bzImage is packed in a way that cannot be unpacked here (xz, gzip or zstd can).',
    )
  }
  // boot.rst, payload_length: the last four bytes are the unpacked size and no part of the stream
  const size = bytes.readUInt32LE(bytes.length - 4)
  const stream: Uint8Array = compression === '.gz' ? bytes : bytes.subarray(0, -4)
  const file = join(scratch, 'payload.deb')
  await writeFile(file, wrapAsPackage(`data.tar${compression}`, stream))
  const vmlinux = await mustRun('dpkg-deb', ['--fsys-tarfile', file])
  if (!isElf32(vmlinux) || (compression !== '.gz' && vmlinux.length !== size)) {
    throw new ImageError('invalid', 'The bzImage did not unpack to a 32-bit ELF kernel.')
  }
  return vmlinux
}

const COMPRESSIONS: readonly [magic: string, suffix: string][] = [
  ['fd377a585a00', '.xz'],
  ['1f8b08', '.gz'], // gzip's own trailer is the size
  ['28b52ffd', '.zst'],
]

/** A Debian package (deb(5): an ar archive) with an empty control member and the given data member. */
function wrapAsPackage(member: string, data: Uint8Array): Buffer {
  const parts: Uint8Array[] = [Buffer.from('!<arch>\n', 'latin1')]
  const add = (name: string, bytes: Uint8Array): void => {
    const head = [
      name.padEnd(16),
      '0'.padEnd(12),
      '0'.padEnd(6),
      '0'.padEnd(6),
      '100644'.padEnd(8),
      String(bytes.length).padEnd(10),
    ]
    parts.push(Buffer.from(`${head.join('')}\`\n`, 'latin1'), bytes)
    if (bytes.length % 2 === 1) parts.push(Buffer.from('\n', 'latin1'))
  }
  add('debian-binary', Buffer.from('2.0\n'))
  add('control.tar', Buffer.alloc(1024))
  add(member, data)
  return Buffer.concat(parts)
}

/** The package has no modules.dep (depmod makes it on installation), but every module names what it depends on. */
async function inInsertionOrder(names: readonly string[], paths: ReadonlyMap<string, string>): Promise<KernelModule[]> {
  const done = new Set<string>()
  const ordered: KernelModule[] = []
  const visit = async (name: string): Promise<void> => {
    const key = moduleKey(name)
    if (done.has(key)) return
    done.add(key)
    const path = paths.get(key)
    if (path === undefined) throw new ImageError('invalid', `The kernel package holds no module "${name}".`)
    const bytes = await readFile(path)
    for (const dependency of moduleDependencies(bytes)) await visit(dependency)
    ordered.push({ name: path.slice(path.lastIndexOf('/') + 1, -3), bytes: withoutSignature(bytes) })
  }
  for (const name of names) await visit(name)
  return ordered
}

/** The modules a module names in its `depends=` information. */
export function moduleDependencies(module: Uint8Array): string[] {
  const info = Buffer.from(elfSection(module, '.modinfo') ?? []).toString('latin1')
  const depends = info.split('\0').find((field) => field.startsWith('depends='))
  return depends === undefined
    ? []
    : depends
        .slice('depends='.length)
        .split(',')
        .filter((name) => name !== '')
}

const SIGNATURE_MARK = Buffer.from('~Module signature appended~\n', 'latin1')

/**
 * A module without the signature at its end (Documentation/admin-guide/module-signing.rst). What is loaded was verified
 * by the package's digest; in the guest a signature only costs the time to hash the module. Length: the big-endian
 * number before the mark, in struct module_signature.
 */
export function withoutSignature(module: Buffer): Buffer {
  if (!module.subarray(-SIGNATURE_MARK.length).equals(SIGNATURE_MARK)) return module
  const structure = module.length - SIGNATURE_MARK.length - 12
  if (structure < 0) return module
  return module.subarray(0, Math.max(0, structure - module.readUInt32BE(structure + 8)))
}

/** Module names treat `-` and `_` alike. */
function moduleKey(name: string): string {
  return name.replaceAll('-', '_')
}
