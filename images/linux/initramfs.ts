/** Lays out the Linux guest's root file system. Pure: the same inputs give the same bytes. */
import { createCipheriv, createHash } from 'node:crypto'
import { writeCpio, type CpioEntry } from './cpio.ts'
import type { KernelModule } from './kernel.ts'

/** A file of the repository's `rootfs/`, by its path in the guest. */
export interface RootFile {
  readonly path: string
  readonly data: Uint8Array
}

export interface InitramfsInput {
  readonly busybox: Uint8Array
  /** Names that are links to BusyBox. */
  readonly applets: readonly string[]
  readonly rootFiles: readonly RootFile[]
  /** Helper programs by file name: heartbeat, dirty, udpecho. */
  readonly helpers: Readonly<Record<string, Uint8Array>>
  /** Module sets in insertion order; set `net` becomes /etc/modules.net, and so on. */
  readonly modules: Readonly<Record<string, readonly KernelModule[]>>
}

/** Number of files with a known digest, and their size in bytes: what `selfcheck` verifies. */
export const CHECKED_FILES = 30
export const CHECKED_FILE_BYTES = 16 * 4096

/** The initramfs, as an uncompressed cpio: unpacking is a copy, where inflating would cost the guest boot time. */
export function buildInitramfs(input: InitramfsInput): Buffer {
  const entries: CpioEntry[] = ['dev', 'proc', 'sys', 'run', 'tmp', 'root'].map((path) => ({ path, type: 'directory' }))
  // The kernel opens /dev/console for init before anything is mounted.
  entries.push({ path: 'dev/console', type: 'device', major: 5, minor: 1 })

  entries.push({ path: 'bin/busybox', type: 'file', mode: 0o755, data: input.busybox })
  for (const applet of input.applets) entries.push({ path: `bin/${applet}`, type: 'symlink', target: 'busybox' })

  for (const file of input.rootFiles) {
    const program = file.path === 'init' || file.path.startsWith('bin/')
    entries.push({ path: file.path, type: 'file', mode: program ? 0o755 : 0o644, data: file.data })
  }
  for (const [name, data] of Object.entries(input.helpers)) {
    entries.push({ path: `lib/ferry/${name}`, type: 'file', mode: 0o755, data })
  }
  entries.push({ path: 'bin/hb', type: 'symlink', target: 'heartbeat' })

  const modules = new Map<string, Uint8Array>()
  for (const [set, list] of Object.entries(input.modules)) {
    const names = list.map((module) => `${module.name}\n`).join('')
    entries.push({ path: `etc/modules.${set}`, type: 'file', data: Buffer.from(names) })
    for (const module of list) modules.set(module.name, module.bytes)
  }
  for (const [name, data] of modules) entries.push({ path: `lib/modules/${name}.ko`, type: 'file', data })

  const digests: string[] = []
  for (let number = 0; number < CHECKED_FILES; number++) {
    const data = checkedFile(number)
    const name = `data/${String(number).padStart(2, '0')}.bin`
    entries.push({ path: name, type: 'file', data })
    digests.push(`${createHash('md5').update(data).digest('hex')}  /${name}\n`)
  }
  entries.push({ path: 'etc/check.md5', type: 'file', data: Buffer.from(digests.join('')) })
  entries.push({ path: 'www/data', type: 'symlink', target: '/data' })
  return writeCpio(entries)
}

/** Reproducible noise (an AES-CTR key stream), so that no two pages of the guest are equal. */
function checkedFile(number: number): Buffer {
  const key = createHash('sha256').update(`ferry checked file ${number}`).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(CHECKED_FILE_BYTES))
}
