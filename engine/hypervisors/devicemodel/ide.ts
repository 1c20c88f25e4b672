/**
 * IDE as QEMU saves it: vmstate `ide_bus` version 1, `ide_drive` version 3 with its `pio_state`, `ide bmdma` version 3.
 * Instances: a bus and its bus master by channel, a drive by channel × 2 + unit. The buffer of a transfer is a memory
 * block and not here. `identify_data` is always there, while QEMU leaves it out where `identify_set` is 0.
 */
import { bytes, record, s32, s64, u32, u8 } from '../../util/record.ts'
import type { Ide, IdeChannel, IdeDrive } from '../../vmstate/devices.ts'
import type { NotRepresentable } from '../hypervisor.ts'
import type { NativeReader, NativeWriter } from '../records.ts'
import { IDENTIFY_BYTES, packIdentify, unpackIdentify } from './identify.ts'

export const ideBus = record('ide_bus', 'be', { cmd: u8, unit: u8 })
export const ideDrive = record('ide_drive', 'be', {
  mult_sectors: s32,
  identify_set: s32,
  identify_data: bytes(IDENTIFY_BYTES),
  feature: u8,
  error: u8,
  nsector: u32,
  sector: u8,
  lcyl: u8,
  hcyl: u8,
  hob_feature: u8,
  hob_sector: u8,
  hob_nsector: u8,
  hob_lcyl: u8,
  hob_hcyl: u8,
  select: u8,
  status: u8,
  lba48: u8,
  sense_key: u8,
  asc: u8,
  cdrom_changed: u8,
})
export const idePioState = record('ide_drive/pio_state', 'be', {
  req_nb_sectors: s32,
  cur_io_buffer_offset: s32,
  cur_io_buffer_len: s32,
  end_transfer_fn_idx: u8,
  elementary_transfer_size: s32,
  packet_transfer_size: s32,
})
export const bmdma = record('ide bmdma', 'be', {
  cmd: u8,
  status: u8,
  addr: u32,
  sector_num: s64,
  nsector: u32,
  unit: u8,
})

export const ideLayouts = [ideBus, ideDrive, idePioState, bmdma] as const

const drive = (field: string, reason: string): NotRepresentable => {
  return { section: 'ide', path: `channels.*.drives.*.${field}`, reason }
}
export const ideNotRepresentable: readonly NotRepresentable[] = [
  drive('command', 'QEMU keeps the function that ends a transfer, not the ATA command that began it.'),
  drive('atapiCommand', 'QEMU finds the packet command in the transfer buffer.'),
  drive('head', 'QEMU takes the head from the select register at each use.'),
  drive('lbaMode', 'QEMU takes the addressing mode from the select register at each use.'),
  drive('writeDestination', 'QEMU computes the destination sector from the task file.'),
]

function packDrive(out: NativeWriter, d: IdeDrive, instance: number): void {
  out.put(
    ideDrive,
    {
      mult_sectors: d.multipleSectors,
      identify_set: d.present ? 1 : 0,
      identify_data: packIdentify(d),
      feature: d.feature,
      error: d.error,
      nsector: d.sectorCount & 0xff,
      sector: d.lbaLow,
      lcyl: d.lbaMid,
      hcyl: d.lbaHigh,
      hob_feature: d.feature >> 8,
      hob_sector: d.lbaLow >> 8,
      hob_nsector: d.sectorCount >> 8,
      hob_lcyl: d.lbaMid >> 8,
      hob_hcyl: d.lbaHigh >> 8,
      select: d.device,
      status: d.status,
      lba48: 0,
      sense_key: 0,
      asc: 0,
      cdrom_changed: 0,
    },
    instance,
  )
  out.put(
    idePioState,
    {
      req_nb_sectors: 0,
      cur_io_buffer_offset: d.dataPosition,
      cur_io_buffer_len: d.dataEnd - d.dataPosition,
      end_transfer_fn_idx: 0,
      elementary_transfer_size: d.dataLength,
      packet_transfer_size: 0,
    },
    instance,
  )
}

function unpackDrive(input: NativeReader, instance: number): IdeDrive {
  const d = input.one(ideDrive, instance)
  const pio = input.one(idePioState, instance)
  return {
    present: d.identify_set !== 0,
    ...unpackIdentify(d.identify_data),
    feature: d.feature | (d.hob_feature << 8),
    error: d.error,
    sectorCount: (d.nsector & 0xff) | (d.hob_nsector << 8),
    lbaLow: d.sector | (d.hob_sector << 8),
    lbaMid: d.lcyl | (d.hob_lcyl << 8),
    lbaHigh: d.hcyl | (d.hob_hcyl << 8),
    device: d.select,
    status: d.status,
    command: 0,
    atapiCommand: 0,
    head: d.select & 0x0f,
    lbaMode: (d.select & 0x40) !== 0,
    multipleSectors: d.mult_sectors & 0xffff,
    dataPosition: pio.cur_io_buffer_offset >>> 0,
    dataEnd: (pio.cur_io_buffer_offset + pio.cur_io_buffer_len) >>> 0,
    dataLength: pio.elementary_transfer_size >>> 0,
    writeDestination: 0,
  }
}

/** Writes both channels. */
export function packIde(out: NativeWriter, ide: Ide): void {
  ide.channels.forEach((channel, c) => {
    out.put(ideBus, { cmd: channel.control, unit: channel.unit }, c)
    channel.drives.forEach((d, unit) => packDrive(out, d, c * 2 + unit))
    const status = channel.busMasterStatus
    out.put(
      bmdma,
      { cmd: channel.busMasterCommand, status, addr: channel.prdTable, sector_num: 0n, nsector: 0, unit: 0xff },
      c,
    )
  })
}

/** Reads both channels. */
export function unpackIde(input: NativeReader): Ide {
  const channel = (c: number): IdeChannel => {
    const bus = input.one(ideBus, c)
    const master = input.one(bmdma, c)
    return {
      drives: [unpackDrive(input, c * 2), unpackDrive(input, c * 2 + 1)],
      unit: bus.unit,
      control: bus.cmd,
      busMasterCommand: master.cmd,
      busMasterStatus: master.status,
      prdTable: master.addr,
    }
  }
  return { channels: [channel(0), channel(1)] }
}
