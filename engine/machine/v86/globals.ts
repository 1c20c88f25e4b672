/** Exported globals that the patched module has beside v86's own. */
export const GLOBAL = {
  /** Address in wasm memory of guest-physical address 0. */
  ramBase: 'ferry_ram_base',
  /** Address in wasm memory of the byte map of dirty pages, or 0 while the log is off. */
  dirtyLog: 'ferry_dirty_log',
  /** Address in wasm memory of the byte map of missing pages, or 0 while all are there. */
  missing: 'ferry_missing',
  /** Slot of the function table with what is called for a missing page: its number → nothing, when it has come. */
  missingHook: 'ferry_missing_hook',
} as const
