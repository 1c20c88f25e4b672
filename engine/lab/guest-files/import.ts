/** A guest out of a file: into a machine of the lab, paused as it was when the file was written. */
import { basename } from 'node:path'
import { type LoadedGuest } from '../../../images/guest.ts'
import type { GuestImport } from '../../contract/guest-files.ts'
import type { GuestView } from '../../contract/lab.ts'
import { fromCommon, toCommon } from '../../hypervisors/translate.ts'
import { qemu } from '../../hypervisors/qemu/qemu.ts'
import { FerryError } from '../../util/errors.ts'
import { loadImage } from '../guest-images.ts'
import type { Lab } from '../lab.ts'
import type { Uploads } from '../uploads.ts'
import { DiskFile, diskBytesOf } from './disk-file.ts'
import { QemuFile } from './qemu-file.ts'

const MIB = 2 ** 20

/**
 * @param uploads where a file that was handed over is
 * @throws FerryError what is wrong with the file, by name (`import.*`, `qemu.*`, `native.*`), or with the place for it
 *   (`host.*`, `guest.*`, `machine.*`); nothing is left behind
 */
export async function importGuest(lab: Lab, uploads: Uploads, input: GuestImport): Promise<GuestView> {
  const { path, upload, file } = input
  if (path !== undefined) return importFrom(lab, path, basename(path), input)
  return uploads.take(upload ?? '', (held) => importFrom(lab, held, file, input))
}

/** @param called what messages call the file */
async function importFrom(lab: Lab, path: string, called: string, input: GuestImport): Promise<GuestView> {
  const file = await QemuFile.open(path).catch((thrown: unknown) => {
    throw notTaken(called, FerryError.from(thrown))
  })
  let sectors: DiskFile | null = null
  try {
    const { hypervisor } = lab.host(input.host)
    const image = input.image === undefined ? foreignImage(file) : await loadImage(input.image, lab.note)
    const { state } = file
    const { nic } = state
    const mac = [...(nic?.mac ?? [])].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
    const { ramBytes, vgaBytes } = file
    const diskBytes = diskBytesOf(state)
    if (diskBytes > 0 && input.path === undefined) {
      const message = `The guest has a disk of ${diskBytes} bytes, which is a file of its own. The "ferry" command takes both in: ferry import FILE --host ${input.host}`
      throw new FerryError('import.disk', message, { bytes: diskBytes })
    }
    sectors = await DiskFile.open(diskBytes, path, input.disk)
    const guest = { image, host: input.host, name: input.name, mac, ramBytes, vgaBytes, diskBytes }
    return await lab.admitGuest(guest, async ({ residence: { machine }, disk, console }) => {
      if (disk !== null) await sectors?.load(disk)
      const told = await file.load((batch) => machine.writePages(batch))
      // As a migration from a QEMU would bring it: through QEMU's records, the common format and this host's.
      const { bytes } = toCommon(qemu, told)
      await machine.restore(fromCommon(hypervisor, bytes).state, 'freeze')
      console.print(file.unsent)
    })
  } catch (thrown) {
    throw notTaken(called, FerryError.from(thrown))
  } finally {
    await file.close()
    await sectors?.close()
  }
}

/** Nothing is known of what runs in it. */
function foreignImage({ digest, ramBytes }: QemuFile): LoadedGuest {
  const memory = ramBytes / MIB
  return {
    name: 'imported',
    minimumMb: memory,
    defaultMb: memory,
    digests: { file: digest },
    plan: () => {
      throw new FerryError('image.none', 'A guest out of a file has no image to be started from.')
    },
  }
}

function notTaken(called: string, error: FerryError): FerryError {
  const why = error.message.replace(' The guest stays where it is.', '')
  const message = `${called} was not taken in; the lab is as it was. ${why}`
  return new FerryError(error.code, message, { ...error.data }, error)
}
