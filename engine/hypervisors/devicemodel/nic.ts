/** NE2000 as QEMU saves it: vmstate `ne2000` version 2, without its packet memory (a memory block). */
import { bytes, pad, record, u16, u32, u8 } from '../../util/record.ts'
import type { Nic } from '../../vmstate/devices.ts'
import type { NotRepresentable } from '../hypervisor.ts'
import type { NativeReader, NativeWriter } from '../records.ts'

export const ne2000 = record('ne2000', 'be', {
  rxcr: u8,
  cmd: u8,
  /** First and last address of the receive ring, in bytes. */
  start: u32,
  stop: u32,
  boundary: u8,
  tsr: u8,
  tpsr: u8,
  tcnt: u16,
  rcnt: u16,
  rsar: u32,
  rsr: u8,
  isr: u8,
  dcfg: u8,
  imr: u8,
  phys: bytes(6),
  curpag: u8,
  mult: bytes(8),
  unused: pad(4),
})

export const nicLayouts = [ne2000] as const

export const nicNotRepresentable: readonly NotRepresentable[] = [
  { section: 'nic', path: 'transmitConfig', reason: "QEMU's NE2000 ignores the transmit configuration register." },
]

/** Writes the card. */
export function packNic(out: NativeWriter, n: Nic): void {
  out.put(ne2000, {
    rxcr: n.receiveConfig,
    cmd: n.command,
    start: n.pageStart << 8,
    stop: n.pageStop << 8,
    boundary: n.boundary,
    tsr: n.transmitStatus,
    tpsr: n.transmitPage,
    tcnt: n.transmitCount,
    rcnt: n.remoteCount,
    rsar: n.remoteAddress,
    rsr: 0,
    isr: n.interruptStatus,
    dcfg: n.dataConfig,
    imr: n.interruptMask,
    phys: n.mac,
    curpag: n.current,
    mult: n.multicast,
  })
}

/** Reads the card; undefined where the machine has none. */
export function unpackNic(input: NativeReader): Nic | undefined {
  const n = input.maybe(ne2000)
  if (n === undefined) return undefined
  return {
    command: n.cmd,
    pageStart: (n.start >> 8) & 0xff,
    pageStop: (n.stop >> 8) & 0xff,
    boundary: n.boundary,
    current: n.curpag,
    transmitStatus: n.tsr,
    transmitPage: n.tpsr,
    transmitCount: n.tcnt,
    remoteCount: n.rcnt,
    remoteAddress: n.rsar & 0xffff,
    receiveConfig: n.rxcr,
    transmitConfig: 0,
    dataConfig: n.dcfg,
    interruptStatus: n.isr,
    interruptMask: n.imr,
    mac: n.phys,
    multicast: n.mult,
  }
}
