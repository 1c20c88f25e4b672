/** Exported globals that the patched module has beside v86's own. */
export const GLOBAL = {
  /** Address in wasm memory of guest-physical address 0. */
  ramBase: 'ferry_ram_base',
  /** Address in wasm memory of the byte map of written pages, or 0 before there is one. */
  dirtyLog: 'ferry_dirty_log',
  /** Address in wasm memory of the byte map of pages that the CPU accessed, or 0 while nobody wants to know. */
  used: 'ferry_used',
  /** Address in wasm memory of the byte map of missing pages, or 0 while all are there. */
  missing: 'ferry_missing',
  /** Slot of the function table with what is called for a missing page: its number → nothing, when it has come. */
  missingHook: 'ferry_missing_hook',
  /** Address in wasm memory of the byte map of pages that must not be written, or 0 while none is guarded. */
  guard: 'ferry_guard',
  /** Number of the guarded page that an instruction was about to write, plus 1; 0 = none. The CPU stands in front of it. */
  guardHit: 'ferry_guard_hit',
  /** Whether the CPU was halted there: its own flag is used to end the slice. */
  guardHalted: 'ferry_guard_halted',
  /** Whether an interrupt is acknowledged and not yet delivered. */
  guardAcknowledged: 'ferry_guard_acknowledged',
  /** Address in wasm memory of {@link GUARD_SAVE_BYTES} for the interrupt controllers. */
  guardSave: 'ferry_guard_save',
  /** How many instructions of a page are interpreted before it is compiled. */
  hotness: 'ferry_hotness',
} as const

/** Both 8259s and the local APIC as they were before an interrupt was acknowledged. */
export const GUARD_SAVE_BYTES = 256
