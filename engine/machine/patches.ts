/** All changes that Ferry makes to v86's wasm, in memory, at load: each patch wraps functions of the module. */
import { FerryError } from '../util/errors.ts'
import { patchDemandPaging } from './demand-paging-patch.ts'
import { patchDirtyLog } from './dirty-log-patch.ts'
import { patchHotness } from './hotness-patch.ts'
import { patchPageGuard } from './page-guard-patch.ts'
import { patchSharedMemory } from './shared-memory-patch.ts'
import { patchSpuriousInterrupt } from './spurious-interrupt-patch.ts'
import { GLOBAL } from './v86/globals.ts'
import { WasmModule } from './wasm/module.ts'

/** Ends of mangled Rust names. */
const PAGE_WALK = /3cpu12do_page_walk$/
const PHYSICAL_READ_64 = /3cpu6memory7read64s$/
const TRIGGER_PAGE_FAULT = /3cpu3cpu17trigger_pagefault$/
const CALL_INTERRUPT_VECTOR = /3cpu3cpu21call_interrupt_vector$/
const ACKNOWLEDGE_PIC = /3pic19pic_acknowledge_irq$/
const ACKNOWLEDGE_APIC = /4apic15acknowledge_irq$/

/**
 * @param binary v86.wasm
 * @returns the patched binary
 * @throws FerryError `machine.v86-shape` when a function to wrap cannot be found
 */
export function patchV86(binary: Uint8Array): Uint8Array<ArrayBuffer> {
  const module = new WasmModule(binary)
  const pageWalk = find(module, PAGE_WALK, 'page walk')
  const read64 = find(module, PHYSICAL_READ_64, 'physical read of 64 bits')
  const ramBase = module.addGlobal(GLOBAL.ramBase)
  patchDirtyLog(module, pageWalk, ramBase)
  // Outside of the log: what a walk waits for is there before the log looks at the tables.
  patchDemandPaging(module, { pageWalk, read64, ramBase })
  const pic = {
    acknowledgePic: find(module, ACKNOWLEDGE_PIC, "acknowledgement of the 8259's interrupts"),
    picMaster: find(module, /^get_pic_addr_master$/, 'first 8259'),
    picSlave: find(module, /^get_pic_addr_slave$/, 'second 8259'),
  }
  patchSpuriousInterrupt(module, pic)
  // Outside of that: what is put back after an acknowledgement is what was before all of it.
  patchPageGuard(module, {
    ...pic,
    pageWalk,
    triggerPageFault: find(module, TRIGGER_PAGE_FAULT, 'way into a page fault'),
    callInterruptVector: find(module, CALL_INTERRUPT_VECTOR, 'way into an interrupt'),
    acknowledgeApic: find(module, ACKNOWLEDGE_APIC, "acknowledgement of the APIC's interrupts"),
    apic: find(module, /^get_apic_addr$/, 'local APIC'),
    ramBase,
  })
  patchHotness(module, find(module, /^main_loop$/, 'main loop'))
  patchSharedMemory(module)
  return module.emit()
}

function find(module: WasmModule, pattern: RegExp, what: string): number {
  const found = [...module.functionNames()].filter(([name]) => pattern.test(name))
  if (found.length !== 1) {
    throw new FerryError('machine.v86-shape', `This build of v86 has no ${what} that Ferry knows how to trap.`, {
      candidates: found.length,
    })
  }
  return found[0][1]
}
