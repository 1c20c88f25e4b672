/** A paused guest written into a file. */
import { open, rename, rm } from 'node:fs/promises'
import type { GuestExport, GuestFileFormat, GuestFileView } from '../../contract/guest-files.ts'
import { FerryError } from '../../util/errors.ts'
import { BLOCK, PAGE_SIZE } from '../../vmstate/blocks.ts'
import type { Downloads } from '../downloads.ts'
import type { Guest } from '../guest.ts'
import type { GuestFile, PausedGuest } from './format.ts'
import { qemuStream } from './qemu-stream.ts'
import { xenImage } from './xen-image.ts'

const FORMATS: Readonly<Record<GuestFileFormat, GuestFile>> = { xen: xenImage, qemu: qemuStream }

/**
 * The guest stays paused where it is. At a path, a file that stands at `path` already is replaced, once the new one is whole.
 * @throws FerryError `guest.not-paused`, `export.file` with the reason
 */
export async function exportGuest(
  guest: Guest,
  downloads: Downloads,
  { format, path, download }: Pick<GuestExport, 'format' | 'path' | 'download'>,
): Promise<GuestFileView> {
  if (path !== undefined) return exportTo(guest, format, path, path)
  const called = `${guest.identity.name}.${format}`
  return downloads.offer(download ?? '', (held) => exportTo(guest, format, held, called))
}

/** @param called what the file is called by who has it then */
async function exportTo(guest: Guest, format: GuestFileFormat, path: string, called: string): Promise<GuestFileView> {
  const { identity, state: how, residence } = guest
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
  const bytes = await writeWhole(path, file.write(paused))
  const ram = machine.blocks.find(({ id }) => id === BLOCK.ram)
  return {
    path: called,
    bytes,
    pages: (ram?.bytes ?? 0) / PAGE_SIZE,
    left_out: file.leftOut(state),
    command: file.command(paused, called),
  }
}

/** @returns bytes written @throws FerryError `export.file`, or what the chunks throw; what was at `path` is there then */
async function writeWhole(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const part = `${path}.part`
  try {
    const handle = await open(part, 'wx')
    try {
      let bytes = 0
      for await (const chunk of chunks) {
        await handle.writeFile(chunk)
        bytes += chunk.length
      }
      await handle.sync()
      await rename(part, path)
      return bytes
    } finally {
      await handle.close()
      await rm(part, { force: true })
    }
  } catch (thrown) {
    if (thrown instanceof FerryError) throw thrown
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    const message = `The guest was not written to ${path}: ${why}. It is paused as before.`
    throw new FerryError('export.file', message, { path }, thrown)
  }
}
