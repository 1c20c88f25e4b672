/**
 * The change that gives v86's pair of 8259s the spurious interrupt.
 *
 * The second 8259 asks by input 2 of the first, which keeps the request although the second takes it back: a card lowers
 * its line while the guest takes no interrupts. When the processor then acknowledges, the first 8259 takes input 2 into
 * service, and the second, which has nothing left, answers with its lowest interrupt (8259A data sheet, "Interrupt
 * sequence": a request that is gone at the acknowledgement reads as IR7). The guest's handler finds that nothing is in
 * service there and ends the interrupt at the first. v86 answers with nothing (pic.rs, `acknowledge_irq_slave`): no
 * handler runs, input 2 stays in service, and disk, network and serial line are silent for good.
 */
import { PIC_OFFSET } from './v86/layout.ts'
import * as w from './wasm/code.ts'
import type { WasmModule } from './wasm/module.ts'

/** Input of the first 8259 that the second is at, as a bit. */
const CASCADE = 1 << 2
const LOWEST_INPUT = 7

export interface PicFunctions {
  readonly acknowledgePic: number
  readonly picMaster: number
  readonly picSlave: number
}

export function patchSpuriousInterrupt(
  module: WasmModule,
  { acknowledgePic, picMaster, picSlave }: PicFunctions,
): void {
  module.wrapFunction(acknowledgePic, (original) => {
    // The function writes an `Option<u8>` at its parameter: whether there is one, and the interrupt's number.
    const [RESULT, BEFORE] = [0, 1]
    const inService = w.and(w.load8(w.call(picMaster), PIC_OFFSET.isr), w.constant(CASCADE))
    return w.body(
      1,
      w.set(BEFORE, inService),
      w.call(original, w.get(RESULT)),
      w.when(
        w.and(w.not(w.load8(w.get(RESULT))), w.differs(inService, w.get(BEFORE))),
        w.store8(w.get(RESULT), w.constant(1)),
        // The base of an 8259's vectors is a multiple of eight.
        w.store8(
          w.add(w.get(RESULT), w.constant(1)),
          w.add(w.load8(w.call(picSlave), PIC_OFFSET.irqMap), w.constant(LOWEST_INPUT)),
        ),
      ),
    )
  })
}
