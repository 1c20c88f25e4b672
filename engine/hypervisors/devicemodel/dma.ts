/** The two 8237 as QEMU saves them: vmstate `dma` version 1, instance 0 for channels 0–3, 1 for 4–7; and `port92`. */
import { array, record, s32, u16, u8 } from '../../util/record.ts'
import type { Dma, DmaChannel } from '../../vmstate/chips.ts'
import type { Board } from '../../vmstate/devices.ts'
import type { NativeReader, NativeWriter } from '../records.ts'

/** `now` and `base`: address, count. `now` is in bytes: channels 4–7 move words. The count runs up from 0. */
export const dmaRegs = record('dma_regs', 'be', {
  now: array(s32, 2),
  base: array(u16, 2),
  mode: u8,
  page: u8,
  pageh: u8,
  dack: u8,
  eop: u8,
})
export const dma = record('dma', 'be', {
  command: u8,
  mask: u8,
  flip_flop: u8,
  dshift: s32,
  regs: array(dmaRegs, 4),
})
export const port92 = record('port92', 'be', { outport: u8 })

export const dmaLayouts = [dma, port92] as const

/** Writes both controllers. */
export function packDma(out: NativeWriter, d: Dma): void {
  for (let controller = 0; controller < 2; controller++) {
    const channels = d.channels.slice(controller * 4, controller * 4 + 4)
    out.put(
      dma,
      {
        command: 0,
        mask: channels.reduce((mask, channel, i) => mask | (channel.masked ? 1 << i : 0), 0),
        flip_flop: d.flipFlop,
        dshift: controller,
        regs: channels.map((c) => ({
          now: [c.address << controller, (c.countInit - c.count) << controller],
          base: [c.addressInit, c.countInit],
          mode: c.mode,
          page: c.page,
          pageh: c.pageHigh,
          dack: 0,
          eop: 0,
        })),
      },
      controller,
    )
  }
}

/** Reads both controllers. */
export function unpackDma(input: NativeReader): Dma {
  const first = input.one(dma, 0)
  const second = input.one(dma, 1)
  const channels = [first, second].flatMap((controller, shift) =>
    controller.regs.map((r, i): DmaChannel => {
      const countInit = r.base[1] ?? 0
      return {
        page: r.page,
        pageHigh: r.pageh,
        address: ((r.now[0] ?? 0) >> shift) & 0xffff,
        addressInit: r.base[0] ?? 0,
        count: (countInit - ((r.now[1] ?? 0) >> shift)) & 0xffff,
        countInit,
        masked: ((controller.mask >> i) & 1) !== 0,
        mode: r.mode,
      }
    }),
  )
  return { channels, flipFlop: first.flip_flop }
}

/** Writes the system control port. */
export function packBoard(out: NativeWriter, b: Board): void {
  out.put(port92, { outport: b.port92 })
}

/** Reads the system control port. */
export function unpackBoard(input: NativeReader): Board {
  return { port92: input.one(port92).outport }
}
