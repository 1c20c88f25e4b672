/** From an image's name to the boot plan of a guest: the one door the rest of Ferry uses. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { sha256 } from './cache.ts'
import { BootImageError, type BootPlan } from './direct-boot.ts'
import { ImageError } from './errors.ts'
import { linuxBootPlan } from './linux/boot.ts'
import { linuxCommandLine } from './linux/cmdline.ts'
import { ensureLinux, type EnsureLinuxOptions } from './linux/image.ts'
import { imagesDirectory, loadManifest, type GuestImage } from './manifest.ts'
import { multibootPlan } from './multiboot.ts'
import { readUserImage, readUserImageFiles } from './user.ts'

/** What one guest is to be told at its start. */
export interface GuestBootOptions {
  readonly memoryMb: number
  /** IPv4 address with prefix length, e.g. `10.0.2.15/24`. User images get no address. */
  readonly address?: string
  readonly gateway?: string
  /** Further words for the guest's command line. */
  readonly extra?: string
}

export interface LoadedGuest {
  readonly name: string
  /** The manifest's entry; absent for a user's own image. */
  readonly entry?: GuestImage
  readonly minimumMb: number
  readonly defaultMb: number
  /** Serial output that means the guest is ready, if that is known. */
  readonly ready?: RegExp
  /** SHA-256 of every file that goes into the guest, for a run's provenance. */
  readonly digests: Readonly<Record<string, string>>
  /** Throws {@link BootImageError}, also where `memoryMb` is below `minimumMb`. */
  plan(options: GuestBootOptions): BootPlan
}

const lockSchema = v.object({ sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) })

/**
 * Loads an image by name: `labos`, `linux`, or one of the user's. `linux` is built on first use (see {@link ensureLinux}).
 * Throws {@link ImageError}.
 */
export async function loadGuest(name: string, options: EnsureLinuxOptions = {}): Promise<LoadedGuest> {
  const entry = (await loadManifest()).images.find((image) => image.name === name)
  if (entry === undefined) return loadUserGuest(name)
  const common = {
    name,
    entry,
    minimumMb: entry.memory.minimumMb,
    defaultMb: entry.memory.defaultMb,
    ready: new RegExp(entry.shell.ready),
  }
  if (entry.source.type === 'file') {
    const kernel = await readLocked(entry.source.path, entry.source.lock)
    return {
      ...common,
      digests: { kernel: sha256(kernel) },
      plan: (boot) => {
        const memoryBytes = checkMemory(name, entry.memory.minimumMb, boot.memoryMb)
        return multibootPlan({ kernel, memoryBytes, commandLine: manifestCommandLine(entry, boot) })
      },
    }
  }
  const image = await ensureLinux(options)
  return {
    ...common,
    digests: image.digests,
    plan: (boot) => {
      const memoryBytes = checkMemory(name, entry.memory.minimumMb, boot.memoryMb)
      return linuxBootPlan({ ...image, memoryBytes, commandLine: manifestCommandLine(entry, boot) })
    },
  }
}

async function loadUserGuest(name: string): Promise<LoadedGuest> {
  const image = await readUserImage(name)
  const { kernel, initrd } = await readUserImageFiles(image)
  const digests = {
    kernel: image.digests.kernel,
    ...(image.digests.initrd === undefined ? {} : { initrd: image.digests.initrd }),
  }
  return {
    name,
    minimumMb: image.minRam,
    defaultMb: Math.max(image.minRam, 64),
    ...(image.ready === undefined ? {} : { ready: new RegExp(image.ready.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')) }),
    digests,
    plan: (boot) => {
      const memoryBytes = checkMemory(name, image.minRam, boot.memoryMb)
      const commandLine = [image.cmdline, boot.extra ?? ''].filter((part) => part !== '').join(' ')
      return image.kind === 'linux'
        ? linuxBootPlan({ bzimage: kernel, memoryBytes, commandLine, ...(initrd === undefined ? {} : { initrd }) })
        : multibootPlan({
            kernel,
            memoryBytes,
            commandLine,
            modules: initrd === undefined ? [] : [{ bytes: initrd, text: 'initrd' }],
          })
    },
  }
}

/** The command line of a manifest's image: its base, then the network's words, then the caller's. */
export function manifestCommandLine(entry: GuestImage, boot: GuestBootOptions): string {
  if (entry.commandLine.base === '@linux') return linuxCommandLine(boot)
  const words = [entry.commandLine.base]
  if (boot.address !== undefined) {
    const [ip = '', bits = ''] = boot.address.split('/')
    words.push(entry.commandLine.address.replace('{ip}', ip).replace('{bits}', bits))
  }
  if (boot.gateway !== undefined && entry.commandLine.gateway !== undefined) {
    words.push(entry.commandLine.gateway.replace('{gateway}', boot.gateway))
  }
  words.push(boot.extra ?? '')
  return words.filter((word) => word !== '').join(' ')
}

async function readLocked(path: string, lock: string): Promise<Buffer> {
  const bytes = await readFile(join(imagesDirectory, path))
  const known = v.safeParse(lockSchema, JSON.parse(await readFile(join(imagesDirectory, lock), 'utf8')))
  if (!known.success) throw new ImageError('invalid', `images/${lock} is malformed.`)
  if (known.output.sha256 !== sha256(bytes))
    throw new ImageError('digest', `images/${path} does not have the digest in images/${lock}.`)
  return bytes
}

function checkMemory(name: string, minimumMb: number, memoryMb: number): number {
  if (!Number.isInteger(memoryMb) || memoryMb < minimumMb) {
    throw new BootImageError(
      'too-little-memory',
      `The guest "${name}" needs at least ${minimumMb} MiB of RAM, not ${memoryMb}.`,
    )
  }
  return memoryMb * 1024 * 1024
}
