/** A paused guest written into a file, and its disk into another beside it. */
import { open, rename, rm } from 'node:fs/promises'
import type { GuestExport, GuestFileFormat, GuestFileView } from '../../contract/guest-files.ts'
import { FerryError } from '../../util/errors.ts'
import { BLOCK, PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { Downloads } from '../downloads.ts'
import type { Guest } from '../guest.ts'
import { diskPathOf, sectorsOf } from './disk-file.ts'
import type { GuestFile, PausedGuest } from './format.ts'
import { qemuStream } from './qemu-stream.ts'
import { xenImage } from './xen-image.ts'

const FORMATS: Readonly<Record<GuestFileFormat, GuestFile>> = { xen: xenImage, qemu: qemuStream }

/**
 * The guest stays paused where it is. At a path, files that stand there already are replaced, once the new ones are whole.
 * @throws FerryError `guest.not-paused`, `export.file` with the reason, `export.disk`: who fetches it gets one file
 */
export async function exportGuest(
  guest: Guest,
  downloads: Downloads,
  { format, path, download }: Pick<GuestExport, 'format' | 'path' | 'download'>,
): Promise<GuestFileView> {
  if (path !== undefined) return exportTo(guest, format, path, path)
  if (guest.disk !== null && FORMATS[format].withDisk) {
    const message = `${guest.identity.name} has a disk, which is a file of its own. The "ferry" command writes both: ferry export ${guest.identity.id} FILE --format ${format}`
    throw new FerryError('export.disk', message, { guest: guest.identity.id })
  }
  const called = `${guest.identity.name}.${format}`
  return downloads.offer(download ?? '', (held) => exportTo(guest, format, held, called))
}

/** @param called what the file is called by who has it then */
async function exportTo(guest: Guest, format: GuestFileFormat, path: string, called: string): Promise<GuestFileView> {
  const { identity, state: how, residence, disk } = guest
  if (how !== 'paused') {
    const message = `${identity.name} is ${how}: only a paused guest can be written into a file. Pause it first.`
    throw new FerryError('guest.not-paused', message, { guest: identity.id, state: how })
  }
  const { machine } = residence
  const file = FORMATS[format]
  const state = await machine.capture()
  const paused: PausedGuest = {
    state,
    blocks: machine.blocks,
    read: (block, pages) => machine.readPages({ block, pages }),
  }
  const beside = disk === null || !file.withDisk ? null : { path: diskPathOf(path), chunks: sectorsOf(disk) }
  const [bytes = 0] = await writeWhole([{ path, chunks: file.write(paused) }, ...(beside === null ? [] : [beside])])
  const ram = machine.blocks.find(({ id }) => id === BLOCK.ram)
  return {
    path: called,
    bytes,
    disk: disk === null || beside === null ? null : { path: beside.path, bytes: disk.bytes },
    pages: (ram?.bytes ?? 0) / PAGE_SIZE,
    left_out: file.leftOut(state),
    command: file.command(paused, called),
  }
}

interface Part {
  readonly path: string
  readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

/** @returns bytes written of each @throws FerryError `export.file`, or what the chunks throw; what was there before is there then */
async function writeWhole(parts: readonly Part[]): Promise<number[]> {
  const begun: string[] = []
  try {
    const sizes: number[] = []
    for (const { path, chunks } of parts) sizes.push(await writePart(partOf(path), chunks, begun))
    for (const { path } of parts) await rename(partOf(path), path)
    return sizes
  } catch (thrown) {
    if (thrown instanceof FerryError) throw thrown
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    const path = parts[0]?.path ?? ''
    const message = `The guest was not written to ${path}: ${why}. It is paused as before.`
    throw new FerryError('export.file', message, { path }, thrown)
  } finally {
    for (const part of begun) await rm(part, { force: true })
  }
}

const partOf = (path: string): string => `${path}.part`

/** @param begun is told of a file that stands there from now on */
async function writePart(part: string, chunks: Part['chunks'], begun: string[]): Promise<number> {
  const handle = await open(part, 'wx')
  begun.push(part)
  try {
    let bytes = 0
    for await (const chunk of chunks) {
      await handle.writeFile(chunk)
      bytes += chunk.length
    }
    await handle.sync()
    return bytes
  } finally {
    await handle.close()
  }
}
