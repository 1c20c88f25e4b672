/**
 * The answer of a drive to IDENTIFY (PACKET) DEVICE (ATA8-ACS, 7.16, 7.17), as QEMU gives it and keeps it in its stream: what
 * the drive is, and what it can do (hw/ide/core.c, `ide_identify`, `ide_atapi_identify`).
 */
import type { IdeDrive } from '../../vmstate/devices.ts'

/** What of a drive is in it. */
export type Identity = Pick<IdeDrive, 'atapi' | 'cylinders' | 'heads' | 'sectorsPerTrack' | 'sectors' | 'sectorSize'>

export const IDENTIFY_BYTES = 512
const WORD = {
  general: 0,
  cylinders: 1,
  heads: 3,
  sectorsPerTrack: 6,
  serial: 10,
  firmware: 23,
  model: 27,
  currentCylinders: 54,
  currentHeads: 55,
  currentSectorsPerTrack: 56,
  sectors: 60,
  sectors48: 100,
  /** Words of a logical sector, where it has not 256 of them. */
  logicalSectorWords: 117,
} as const
const ATA_DEVICE = 0x0040
const ATAPI_DEVICE = 0x85c0
const PACKET = 0x8000
const SECTOR_BYTES = 512
const CD_SECTOR_BYTES = 2048

/** Capabilities: LBA, DMA, multiple sectors, 48 bits, flush, write cache; modes and their times. */
const ATA_WORDS: Readonly<Record<number, number>> = {
  ...{ 47: 0x8010, 48: 0x0001, 49: 0x0b00, 51: 0x0200, 52: 0x0200, 53: 0x0007, 59: 0x0110, 62: 0x0007, 63: 0x0007 },
  ...{ 64: 0x0003, 65: 0x0078, 66: 0x0078, 67: 0x0078, 68: 0x0078, 80: 0x00f0, 81: 0x0016, 82: 0x4021, 83: 0x7400 },
  ...{ 84: 0x4000, 85: 0x4021, 86: 0x3400, 87: 0x4000, 88: 0x203f, 93: 0x6001 },
}
const ATAPI_WORDS: Readonly<Record<number, number>> = {
  ...{ 48: 0x0001, 49: 0x0300, 53: 0x0007, 62: 0x0007, 63: 0x0007, 64: 0x0003, 65: 0x00b4, 66: 0x00b4, 67: 0x012c },
  ...{ 68: 0x00b4, 71: 0x001e, 72: 0x001e, 80: 0x001e, 88: 0x203f },
}

/** A drive's answer. */
export function packIdentify(d: Identity): Uint8Array {
  const data = new Uint8Array(IDENTIFY_BYTES)
  const view = new DataView(data.buffer)
  const put = (word: number, value: number): void => view.setUint16(word * 2, value, true)
  // Two characters a word, the first in its upper byte.
  const text = (word: number, words: number, value: string): void => {
    const padded = Buffer.from(value.padEnd(words * 2), 'latin1')
    data.set(padded.swap16(), word * 2)
  }
  put(WORD.general, d.atapi ? ATAPI_DEVICE : ATA_DEVICE)
  text(WORD.serial, 10, d.atapi ? 'QM00003' : 'QM00001')
  text(WORD.firmware, 4, '2.5+')
  text(WORD.model, 20, d.atapi ? 'QEMU DVD-ROM' : 'QEMU HARDDISK')
  for (const [word, value] of Object.entries(d.atapi ? ATAPI_WORDS : ATA_WORDS)) put(Number(word), value)
  put(WORD.cylinders, d.cylinders)
  put(WORD.heads, d.heads)
  put(WORD.sectorsPerTrack, d.sectorsPerTrack)
  put(WORD.currentCylinders, d.cylinders)
  put(WORD.currentHeads, d.heads)
  put(WORD.currentSectorsPerTrack, d.sectorsPerTrack)
  view.setUint32(WORD.sectors * 2, d.sectors, true)
  if (!d.atapi) view.setUint32(WORD.sectors48 * 2, d.sectors, true)
  if (d.sectorSize !== usualSectorSize(d.atapi)) view.setUint32(WORD.logicalSectorWords * 2, d.sectorSize >> 1, true)
  return data
}

/** What a drive's answer says of it. */
export function unpackIdentify(data: Uint8Array): Identity {
  const view = new DataView(data.buffer, data.byteOffset, IDENTIFY_BYTES)
  const word = (index: number): number => view.getUint16(index * 2, true)
  const atapi = (word(WORD.general) & PACKET) !== 0
  const logicalSectorBytes = (view.getUint32(WORD.logicalSectorWords * 2, true) << 1) & 0xffff
  return {
    atapi,
    cylinders: word(WORD.currentCylinders),
    heads: word(WORD.currentHeads),
    sectorsPerTrack: word(WORD.currentSectorsPerTrack),
    sectors: view.getUint32(WORD.sectors * 2, true),
    sectorSize: logicalSectorBytes === 0 ? usualSectorSize(atapi) : logicalSectorBytes,
  }
}

const usualSectorSize = (atapi: boolean): number => (atapi ? CD_SECTOR_BYTES : SECTOR_BYTES)
