/** `ferry images`: guest images, the lab's and the user's own. */
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { Option } from 'commander'
import { buildImages } from '../../images/build.ts'
import { loadManifest, type Workload } from '../../images/manifest.ts'
import { addUserImage, listUserImages, removeUserImage } from '../../images/user.ts'
import { EXIT, usageError } from './errors.ts'
import { jsonOption, whole } from './options.ts'
import { print, printJson, say } from './output.ts'
import { type Column, table } from './table.ts'

interface ImageRow {
  readonly name: string
  readonly title: string
  readonly minimum_MB: number
  readonly default_MB: number
  readonly workloads: readonly string[]
  readonly own: boolean
}

interface AddOptions {
  readonly kernel: string
  readonly initrd?: string
  readonly cmdline?: string
  readonly kind?: 'linux' | 'multiboot'
  readonly minRam: number
  readonly ready?: string
}

const HELP = `
\`linux\` is built from Debian packages on first use, which takes apt and a network once; \`labos\` needs nothing.
An image of your own is a Linux bzImage or a Multiboot ELF kernel, 32-bit, with its console on the first serial port.
RAM is in MB of 2^20 B. Exit codes: 0 done, 1 failed, 2 wrong usage.

Examples:
  ferry images
  ferry images build --linux --refresh
  ferry images add mine --kernel bzImage --initrd rootfs.cpio --cmdline console=ttyS0 --ready 'login:'
  ferry migrate --guest mine`

export function imagesCommand(program: Command, done: (code: number) => void): void {
  const images = program.command('images').description('guest images: list, build, add and remove')
  images.addHelpText('after', HELP)

  images
    .command('list', { isDefault: true })
    .description('all images, with their workloads')
    .addOption(jsonOption('an array of images'))
    .action(async (options: { json?: true }) => {
      const rows = await allImages()
      if (options.json === true) printJson(rows)
      else print(table(COLUMNS, rows))
      done(EXIT.ok)
    })

  images
    .command('build')
    .description('build the images now; without options all that can be built here')
    .addOption(new Option('--linux', 'only Linux'))
    .addOption(new Option('--labos', 'only LabOS'))
    .addOption(new Option('--refresh', 'ask for newer Debian packages'))
    .action(async (options: { linux?: true; labos?: true; refresh?: true }) => done(await buildImages(options)))

  images
    .command('add <name>')
    .description('copy an image of your own in')
    .requiredOption('--kernel <file>', 'bzImage or Multiboot ELF')
    .option('--initrd <file>', 'initial RAM disk, or Multiboot module')
    .option('--cmdline <words>', "the kernel's command line")
    .addOption(
      new Option('--kind <kind>', 'what the kernel is (default: seen from the file)').choices(['linux', 'multiboot']),
    )
    .addOption(
      new Option('--min-ram <MB>', 'least RAM (default: 64 for Linux, 8 for Multiboot)').argParser(whole(4, 1024)),
    )
    .option('--ready <text>', 'what its console shows when it is ready (default: silence)')
    .action(async (name: string, { kind, ...options }: AddOptions) => {
      const image = await addUserImage({ ...options, name, kind: kind ?? (await kindOf(options.kernel)) })
      say(`Added ${image.name}. Try: ferry run --guest ${image.name}`)
      done(EXIT.ok)
    })

  images
    .command('remove <name>')
    .description('remove an image of your own')
    .action(async (name: string) => {
      await removeUserImage(name)
      say(`Removed ${name}.`)
      done(EXIT.ok)
    })
}

async function allImages(): Promise<ImageRow[]> {
  const { images } = await loadManifest()
  return [
    ...images.map(({ name, title, memory, workloads }) => ({
      name,
      title,
      minimum_MB: memory.minimumMb,
      default_MB: memory.defaultMb,
      workloads: workloads.map(usage),
      own: false,
    })),
    ...(await listUserImages()).map(({ name, kind, minRam }) => ({
      name,
      title: kind === 'linux' ? 'your own Linux' : 'your own Multiboot kernel',
      minimum_MB: minRam,
      default_MB: Math.max(minRam, 64),
      workloads: [],
      own: true,
    })),
  ]
}

/** e.g. `dirty[:RATE,MEGABYTES,PATTERN]`. */
function usage({ name, parameters }: Workload): string {
  const names = Object.keys(parameters).map((parameter) => parameter.toUpperCase())
  return names.length === 0 ? name : `${name}[:${names.join(',')}]`
}

async function kindOf(kernel: string): Promise<'linux' | 'multiboot'> {
  let bytes: Buffer
  try {
    bytes = await readFile(kernel)
  } catch {
    throw usageError(`The file ${kernel} cannot be read.`)
  }
  if (bytes.toString('latin1', 0x202, 0x206) === 'HdrS') return 'linux'
  if (bytes.toString('latin1', 0, 4) === '\x7fELF') return 'multiboot'
  throw usageError(`${kernel} is neither a bzImage nor an ELF file. Only these can be started.`)
}

const COLUMNS: readonly Column<ImageRow>[] = [
  { title: 'image', cell: ({ name }) => name },
  { title: 'what it is', cell: ({ title }) => title },
  { title: 'least RAM, MB', align: 'right', cell: ({ minimum_MB }) => String(minimum_MB) },
  { title: 'RAM, MB', align: 'right', cell: ({ default_MB }) => String(default_MB) },
  { title: 'workloads', cell: ({ workloads }) => workloads.join('  ') },
]
