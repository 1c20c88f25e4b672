/** A user's own guest images: one folder each, with the files and an `image.json`. */
import { copyFile, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { errorCode, readIfPresent, sha256, writeAtomically } from './cache.ts'
import { BootImageError } from './direct-boot.ts'
import { parseElf32 } from './elf32.ts'
import { ImageError } from './errors.ts'
import { parseBzImage } from './linux/boot.ts'
import { imageNameSchema } from './manifest.ts'
import { parseMultiboot } from './multiboot.ts'

const fileName = v.pipe(v.string(), v.regex(/^[\w.-]+$/), v.notValue('..'), v.notValue('.'))

/** `image.json`. Files lie beside it. */
export const userImageSchema = v.strictObject({
  kind: v.picklist(['multiboot', 'linux']),
  kernel: fileName,
  initrd: v.optional(fileName),
  cmdline: v.pipe(v.string(), v.maxLength(2047), v.regex(/^[^\0\r\n]*$/)),
  /** Least RAM, MB. */
  minRam: v.pipe(v.number(), v.integer(), v.minValue(4), v.maxValue(3072)),
  /** What the serial line shows when the guest is ready: a plain string. */
  ready: v.optional(v.string()),
  /** SHA-256 of the files when they were added. */
  digests: v.strictObject({ kernel: v.string(), initrd: v.optional(v.string()) }),
})

export type UserImageFile = v.InferOutput<typeof userImageSchema>

export interface UserImage extends UserImageFile {
  readonly name: string
  /** Folder with its files. */
  readonly directory: string
}

export interface AddUserImage {
  readonly name: string
  readonly kind: 'multiboot' | 'linux'
  /** Path of a bzImage (`linux`) or a Multiboot ELF (`multiboot`). */
  readonly kernel: string
  /** Path of an initial RAM disk, or of a Multiboot module. */
  readonly initrd?: string
  readonly cmdline?: string
  /** MB; default 64 for Linux, 8 for Multiboot. */
  readonly minRam?: number
  readonly ready?: string
}

/** What an image gets that does not say: the least that such kernels boot in, MB. */
const LEAST_RAM_MB = { linux: 64, multiboot: 8 } as const

/** Where users' images live: `ferry/images` in the user's data directory (`XDG_DATA_HOME`). */
export function userImageDirectory(): string {
  const xdg = process.env['XDG_DATA_HOME']
  return join(xdg !== undefined && xdg !== '' ? xdg : join(homedir(), '.local', 'share'), 'ferry', 'images')
}

/**
 * Copies an image in, after checking that its kernel can be booted. Throws {@link ImageError}: `invalid` (bad name,
 * unreadable file, not such a kernel, bad options) or `exists`.
 */
export async function addUserImage(input: AddUserImage, root = userImageDirectory()): Promise<UserImage> {
  const name = checkName(input.name)
  const kernel = await readInput(input.kernel)
  const initrd = input.initrd === undefined ? undefined : await readInput(input.initrd)
  checkKernel(input.kind, kernel)
  const parsed = v.safeParse(userImageSchema, {
    kind: input.kind,
    kernel: 'kernel',
    ...(initrd === undefined ? {} : { initrd: 'initrd' }),
    cmdline: input.cmdline ?? '',
    minRam: input.minRam ?? LEAST_RAM_MB[input.kind],
    ...(input.ready === undefined ? {} : { ready: input.ready }),
    digests: { kernel: sha256(kernel), ...(initrd === undefined ? {} : { initrd: sha256(initrd) }) },
  })
  if (!parsed.success) {
    const issue = parsed.issues[0]
    throw new ImageError('invalid', `The image's ${v.getDotPath(issue) ?? 'description'} is wrong: ${issue.message}.`)
  }

  const directory = join(root, name)
  const scratch = join(root, `.${name}.${process.pid}`)
  await rm(scratch, { recursive: true, force: true })
  await mkdir(scratch, { recursive: true })
  try {
    await copyFile(input.kernel, join(scratch, 'kernel'))
    if (input.initrd !== undefined) await copyFile(input.initrd, join(scratch, 'initrd'))
    await writeAtomically(join(scratch, 'image.json'), `${JSON.stringify(parsed.output, null, 2)}\n`)
    await rename(scratch, directory) // fails if a folder with content is there
  } catch (cause) {
    const code = errorCode(cause)
    if (code === 'ENOTEMPTY' || code === 'EEXIST') {
      throw new ImageError('exists', `There is already an image named "${name}".`, { cause })
    }
    throw cause
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  return { ...parsed.output, name, directory }
}

/** All user images, by name. Folders without a valid `image.json` are passed over. */
export async function listUserImages(root = userImageDirectory()): Promise<UserImage[]> {
  let names: string[]
  try {
    names = await readdir(root)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
  const images: UserImage[] = []
  for (const name of names.sort()) {
    if (!v.is(imageNameSchema, name)) continue
    try {
      images.push(await readUserImage(name, root))
    } catch (error) {
      if (!(error instanceof ImageError)) throw error
    }
  }
  return images
}

/** One user image. Throws {@link ImageError} `unknown` or `invalid`. */
export async function readUserImage(name: string, root = userImageDirectory()): Promise<UserImage> {
  const directory = join(root, checkName(name))
  const text = await readIfPresent(join(directory, 'image.json'))
  if (text === undefined) throw new ImageError('unknown', `There is no image named "${name}".`)
  let data: unknown
  try {
    data = JSON.parse(text.toString('utf8'))
  } catch {
    data = undefined
  }
  const parsed = v.safeParse(userImageSchema, data)
  if (!parsed.success) throw new ImageError('invalid', `The description of the image "${name}" is malformed.`)
  return { ...parsed.output, name, directory }
}

/** The kernel's and initrd's bytes, checked against their digests. Throws {@link ImageError} `digest`. */
export async function readUserImageFiles(image: UserImage): Promise<{ kernel: Buffer; initrd?: Buffer }> {
  const read = async (file: string, digest: string | undefined): Promise<Buffer> => {
    const bytes = await readIfPresent(join(image.directory, file))
    if (bytes === undefined || sha256(bytes) !== digest) {
      throw new ImageError('digest', `The file "${file}" of the image "${image.name}" is missing or has changed.`)
    }
    return bytes
  }
  const kernel = await read(image.kernel, image.digests.kernel)
  return image.initrd === undefined ? { kernel } : { kernel, initrd: await read(image.initrd, image.digests.initrd) }
}

/** Removes a user image. Throws {@link ImageError} `unknown`. */
export async function removeUserImage(name: string, root = userImageDirectory()): Promise<void> {
  const directory = join(root, checkName(name))
  if ((await readIfPresent(join(directory, 'image.json'))) === undefined) {
    throw new ImageError('unknown', `There is no image named "${name}".`)
  }
  await rm(directory, { recursive: true })
}

function checkName(name: string): string {
  if (!v.safeParse(imageNameSchema, name).success) {
    throw new ImageError(
      'invalid',
      `"${name}" cannot be an image's name: 1 to 32 of a-z, 0-9 and -, not beginning with -.`,
    )
  }
  if (name === 'labos' || name === 'linux') throw new ImageError('exists', `"${name}" is the name of a built-in image.`)
  return name
}

function checkKernel(kind: UserImageFile['kind'], kernel: Uint8Array): void {
  try {
    if (kind === 'linux') parseBzImage(kernel)
    else {
      parseMultiboot(kernel)
      parseElf32(kernel)
    }
  } catch (cause) {
    if (cause instanceof BootImageError) throw new ImageError('invalid', cause.message, { cause })
    throw cause
  }
}

async function readInput(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new ImageError('invalid', `The file ${path} cannot be read.`, { cause })
  }
}
