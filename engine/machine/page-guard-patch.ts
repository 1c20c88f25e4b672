/**
 * The change that stops the CPU in front of an instruction that would write a guarded page: a page that has been sent
 * and shall not have to be sent again.
 *
 * It uses what v86 has for page faults. An instruction whose access faults leaves the CPU in front of itself, whether it
 * was interpreted or compiled; so the wrapper of the page walk reports a fault where the guest has none: it calls
 * `trigger_pagefault`, which ends the instruction, and takes back CR2. From then on (the *hit*) no exception and no
 * interrupt is entered any more, and the halt flag, borrowed, ends the slice at once. Nothing of the guest has changed.
 *
 * A walk writes too: accessed and dirty bits. Where such a bit would be set in a guarded table, that is a hit as well.
 *
 * Interrupts are acknowledged before their frame is pushed. v86 checks that all of the frame can be written before it
 * changes anything (cpu.rs, `call_interrupt_vector`), so only the acknowledgement has to be undone: the interrupt
 * controllers are saved before it and put back when the frame's page was guarded.
 *
 * Devices write to memory outside of walks; page-guard.ts sees them. Not guarding costs a test and a call each.
 */
import { cpuWord, pageTableCode, PRESENT } from './page-table-code.ts'
import { APIC_BYTES, CPU_OFFSET } from './v86/layout.ts'
import { GLOBAL } from './v86/globals.ts'
import * as w from './wasm/code.ts'
import type { WasmModule } from './wasm/module.ts'

const CR0_WP = 1 << 16
const WRITABLE = 2
const ACCESSED = 1 << 5
const DIRTY = 1 << 6
const PIC_BYTES = 13
/** Places of the controllers in the save area. */
const SAVED = { master: 0, slave: 16, apic: 32 } as const

/** Indices of the functions to wrap or to call, and of the global with the address of guest-physical address 0. */
export interface GuardFunctions {
  readonly pageWalk: number
  readonly triggerPageFault: number
  readonly callInterruptVector: number
  readonly acknowledgePic: number
  readonly acknowledgeApic: number
  readonly picMaster: number
  readonly picSlave: number
  readonly apic: number
  readonly ramBase: number
}

interface Globals {
  readonly guard: number
  readonly hit: number
  readonly halted: number
  readonly acknowledged: number
  readonly save: number
}

export function patchPageGuard(module: WasmModule, functions: GuardFunctions): void {
  const globals: Globals = {
    guard: module.addGlobal(GLOBAL.guard),
    hit: module.addGlobal(GLOBAL.guardHit),
    halted: module.addGlobal(GLOBAL.guardHalted),
    acknowledged: module.addGlobal(GLOBAL.guardAcknowledged),
    save: module.addGlobal(GLOBAL.guardSave),
  }
  module.wrapFunction(functions.pageWalk, (original) => walkWrapper(original, functions, globals))
  const parameters = module.parameterCount(functions.callInterruptVector)
  module.wrapFunction(functions.callInterruptVector, (original) =>
    deliveryWrapper(original, parameters, functions, globals),
  )
  for (const acknowledge of [functions.acknowledgePic, functions.acknowledgeApic]) {
    module.wrapFunction(acknowledge, (original) => acknowledgeWrapper(original, functions, globals))
  }
}

const setHalted = (value: w.Code): w.Code => w.store8(w.constant(CPU_OFFSET.inHlt), value)

function walkWrapper(original: number, { triggerPageFault, ramBase }: GuardFunctions, g: Globals): Uint8Array {
  const [address, forWriting, user, jit, sideEffects] = [0, 1, 2, 3, 4].map(w.get)
  // Locals: address of a table's entry, the entries of directory and table, CR2.
  const [ENTRY_AT, PDE, ENTRY, CR2] = [5, 6, 7, 8]
  const tables = pageTableCode(address)
  const hitIfGuarded = (physical: w.Code): w.Code => {
    const page = w.shiftRight(physical, 12)
    return w.when(
      w.load8(w.add(w.getGlobal(g.guard), page)),
      w.setGlobal(g.hit, w.add(w.shiftRight(physical, 12), w.constant(1))),
    )
  }
  /** Reads the entry at ENTRY_AT into a local; leaves the block where there is none. */
  const readEntry = (into: number): w.Code => [
    ...w.leaveIf(w.atLeast(w.get(ENTRY_AT), cpuWord(CPU_OFFSET.memorySize))),
    ...w.set(into, w.load(w.add(w.getGlobal(ramBase), w.get(ENTRY_AT)))),
    ...w.leaveIf(w.not(w.and(w.get(into), w.constant(PRESENT)))),
  ]
  const lacks = (entry: number, bits: w.Code): w.Code => w.differs(w.and(w.get(entry), bits), bits)
  const bitsToSet = w.choose(forWriting, w.constant(ACCESSED | DIRTY), w.constant(ACCESSED))
  /** Leaves where the write would fault for good: then nothing is written. ENTRY and PDE are read. */
  const leaveIfReadOnly = w.leaveIf(
    w.and(
      w.and(forWriting, w.constant(1)),
      w.and(
        w.not(w.and(w.and(w.get(PDE), w.get(ENTRY)), w.constant(WRITABLE))),
        w.choose(user, w.constant(1), w.differs(w.and(cpuWord(CPU_OFFSET.cr0), w.constant(CR0_WP)), w.constant(0))),
      ),
    ),
  )
  const look = w.block(
    w.leaveAfter(tables.pagingOff, w.when(forWriting, hitIfGuarded(address))),
    w.leaveIf(tables.noDirectory),
    w.set(ENTRY_AT, tables.directoryEntryAt),
    readEntry(PDE),
    w.leaveAfter(
      tables.isLarge(PDE),
      w.set(ENTRY, w.get(PDE)),
      w.when(lacks(PDE, bitsToSet), hitIfGuarded(w.get(ENTRY_AT))),
      w.when(forWriting, hitIfGuarded(tables.inLargePage(PDE))),
    ),
    w.when(lacks(PDE, w.constant(ACCESSED)), hitIfGuarded(w.get(ENTRY_AT))),
    w.set(ENTRY_AT, tables.tableEntryAt(PDE)),
    readEntry(ENTRY),
    leaveIfReadOnly,
    w.when(lacks(ENTRY, bitsToSet), hitIfGuarded(w.get(ENTRY_AT))),
    w.when(forWriting, hitIfGuarded(w.get(ENTRY))),
  )
  return w.body(
    4,
    w.when(
      w.getGlobal(g.guard),
      w.when(
        sideEffects,
        w.when(w.not(w.getGlobal(g.hit)), look),
        w.when(
          w.getGlobal(g.hit),
          w.set(CR2, cpuWord(CPU_OFFSET.cr2)),
          w.setGlobal(g.halted, w.constant(0)),
          w.call(triggerPageFault, address, w.constant(1), forWriting, user, jit),
          w.store(w.constant(CPU_OFFSET.cr2), w.get(CR2)),
          setHalted(w.constant(1)),
          w.giveBack(w.constant(0)),
        ),
      ),
    ),
    w.call(original, address, forWriting, user, jit, sideEffects),
  )
}

/** @param parameters of the function: number of the interrupt, whether it is software's, error code (two words) */
function deliveryWrapper(original: number, parameters: number, f: GuardFunctions, g: Globals): Uint8Array {
  const given = Array.from({ length: parameters }, (_, i) => w.get(i))
  const [bySoftware, EIP] = [w.get(1), parameters]
  const saved = (at: number): w.Code => w.add(w.getGlobal(g.save), w.constant(at))
  const instructionPointer = cpuWord(CPU_OFFSET.instructionPointer)
  return w.body(
    1,
    w.when(w.getGlobal(g.hit), w.leave),
    w.set(EIP, instructionPointer),
    w.call(original, ...given),
    w.when(
      w.getGlobal(g.guard),
      w.when(
        w.getGlobal(g.hit),
        // INT n is carried out again; any other event comes again in front of the same instruction.
        w.when(w.not(bySoftware), w.store(w.constant(CPU_OFFSET.instructionPointer), w.get(EIP))),
        w.when(
          w.getGlobal(g.acknowledged),
          w.copy(w.call(f.picMaster), saved(SAVED.master), PIC_BYTES),
          w.copy(w.call(f.picSlave), saved(SAVED.slave), PIC_BYTES),
          w.copy(w.call(f.apic), saved(SAVED.apic), APIC_BYTES),
          w.setGlobal(g.halted, w.load8(w.getGlobal(g.save), HALTED_AT)),
        ),
      ),
      w.setGlobal(g.acknowledged, w.constant(0)),
    ),
  )
}

/** Of the save area: whether the CPU was halted when the interrupt came. */
const HALTED_AT = SAVED.apic + APIC_BYTES

/** The function writes an `Option<u8>` at its parameter: whether there is one, and the interrupt's number. */
function acknowledgeWrapper(original: number, f: GuardFunctions, g: Globals): Uint8Array {
  const saved = (at: number): w.Code => w.add(w.getGlobal(g.save), w.constant(at))
  const none = w.constant(0)
  return w.body(
    0,
    w.when(
      w.getGlobal(g.guard),
      w.when(w.getGlobal(g.hit), w.store8(w.get(0), none), w.leave),
      w.copy(saved(SAVED.master), w.call(f.picMaster), PIC_BYTES),
      w.copy(saved(SAVED.slave), w.call(f.picSlave), PIC_BYTES),
      w.copy(saved(SAVED.apic), w.call(f.apic), APIC_BYTES),
      w.store8(saved(HALTED_AT), w.load8(w.constant(CPU_OFFSET.inHlt))),
    ),
    w.call(original, w.get(0)),
    w.when(w.getGlobal(g.guard), w.setGlobal(g.acknowledged, w.load8(w.get(0)))),
  )
}
