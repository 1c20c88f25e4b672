/**
 * Builds LabOS with the system's gcc, as and ld. Same toolchain, same bytes: fixed flags, fixed order of files, relative
 * source paths, no build id, no time. `labos.lock.json` says which toolchain made the committed binary.
 *
 *     node build.ts [output]        builds (default: labos.elf here, and then rewrites the lock)
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Toolchain {
  compiler: string
  linker: string
}

export interface Lock extends Toolchain {
  sha256: string
  bytes: number
}

const here = fileURLToPath(new URL('.', import.meta.url))
export const lockPath = join(here, 'labos.lock.json')
export const binaryPath = join(here, 'labos.elf')

/** The order is part of the binary: it decides the layout. */
const sources = [
  'boot.S',
  'isr.S',
  'kernel.c',
  'fmt.c',
  'memory.c',
  'idt.c',
  'pic.c',
  'time.c',
  'serial.c',
  'console.c',
  'shell.c',
  'pages.c',
  'workload.c',
  'witness.c',
  'vga.c',
  'font.c',
  'screen.c',
  'pci.c',
  'ne2k.c',
  'net.c',
  'disk.c',
]

const machineFlags = ['-m32', '-march=i586', '-ffreestanding', '-fno-pic', '-fno-pie']
const compileFlags = [
  ...machineFlags,
  '-std=gnu11',
  '-O2',
  '-nostdinc',
  // No FPU, MMX or SSE in compiled code: their registers belong to witness.c.
  '-mno-80387',
  '-mno-mmx',
  '-mno-sse',
  '-msoft-float',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
  '-fno-strict-aliasing',
  '-fno-common',
  '-fno-ident',
  '-fcf-protection=none',
  '-fno-tree-loop-distribute-patterns',
  '-ffunction-sections',
  '-frandom-seed=labos',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Wno-parentheses',
]
const linkFlags = [
  '-m',
  'elf_i386',
  '-n',
  '-s',
  '--build-id=none',
  '--gc-sections',
  '-z',
  'noexecstack',
  '--no-warn-rwx-segments',
  '-T',
  'link.ld',
]

function firstLine(program: string): string {
  const out = execFileSync(program, ['--version'], { encoding: 'utf8', env: environment() })
  return out.split('\n')[0] ?? ''
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C', SOURCE_DATE_EPOCH: '0' }
}

/** The toolchain of this machine, or undefined if it has none. */
export function toolchain(): Toolchain | undefined {
  try {
    return { compiler: firstLine('gcc'), linker: firstLine('ld') }
  } catch {
    return undefined
  }
}

export function readLock(): Lock {
  return JSON.parse(readFileSync(lockPath, 'utf8')) as Lock
}

/** Builds into `outPath` and tells what came out. Objects live in a temporary folder, whose name must not matter. */
export function buildLabos(outPath: string): { sha256: string; bytes: number } {
  const objects = mkdtempSync(join(tmpdir(), 'labos-'))
  const options = { cwd: join(here, 'src'), env: environment(), stdio: 'inherit' } as const
  try {
    const files = sources.map((source) => {
      const object = join(objects, `${source}.o`)
      const flags = source.endsWith('.S') ? machineFlags : compileFlags
      const map = `-ffile-prefix-map=${here}=`
      execFileSync('gcc', [...flags, map, '-c', source, '-o', object], options)
      return object
    })
    execFileSync('ld', [...linkFlags, '-o', resolve(outPath), ...files], options)
  } finally {
    rmSync(objects, { recursive: true, force: true })
  }
  const image = readFileSync(outPath)
  return { sha256: createHash('sha256').update(image).digest('hex'), bytes: image.length }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const out = process.argv[2] ?? binaryPath
  const tools = toolchain()
  if (!tools) throw new Error('gcc and ld are needed to build LabOS; the committed labos.elf needs neither')
  const built = buildLabos(out)
  if (resolve(out) === binaryPath) writeFileSync(lockPath, JSON.stringify({ ...tools, ...built }, null, 2) + '\n')
  console.log(`${out}: ${built.bytes} bytes, sha256 ${built.sha256}`)
}
