/** What the I/O thread and a vCPU thread say to each other. Both ends are ours, in one process and one version. */
import type { ErrorReport } from '../util/errors.ts'
import type { BlockId } from '../vmstate/blocks.ts'
import type { MachineState } from '../vmstate/state.ts'
import type {
  DirectBoot,
  FaultRecord,
  LoadReport,
  MachineConfig,
  PageBatch,
  PageRange,
  PageSet,
  ScreenImage,
  StopOptions,
  StopReport,
} from './machine.ts'
import type { SharedRamPlace } from './shared-ram.ts'

export type Clock = 'continue' | 'freeze'

/** Calls by name: argument and result. */
export interface Calls {
  /** A blank machine becomes the one with this address: it is as if powered on now. */
  identify: [string, void]
  boot: [DirectBoot, void]
  resume: [void, { runAtMs: number; resumeMs: number }]
  pause: [void, { pausedAtMs: number }]
  serialWrite: [Uint8Array, number]
  screen: [void, ScreenImage]
  readPages: [PageSet, PageBatch]
  writePages: [PageBatch, void]
  guardStart: [void, void]
  /** Guards the pages. */
  takePages: [PageSet, void]
  guardStop: [void, void]
  dirtyLogStart: [void, void]
  dirtyLogFetch: [{ clear: boolean }, readonly PageSet[]]
  dirtyLogStop: [void, void]
  useWatch: [void, void]
  capture: [void, MachineState]
  restore: [{ state: MachineState; clock: Clock }, void]
  stop: [StopOptions, StopReport]
  load: [
    { batches: readonly PageBatch[]; state: MachineState; clock: Clock; missing?: Uint8Array<ArrayBuffer> },
    LoadReport,
  ]
  faults: [void, readonly FaultRecord[]]
  digests: [BlockId, BigUint64Array<ArrayBuffer>]
  zeroPages: [PageRange, Uint8Array<ArrayBuffer>]
  unwrittenPages: [void, Uint32Array<ArrayBuffer>]
  freePages: [void, number]
  instructions: [void, number]
  halted: [void, boolean]
  throttle: [number, number]
}
export type CallName = keyof Calls

export type Request =
  /** Pages of RAM that a blank machine shall make ready to be written, while it has nothing else to do. */
  | { kind: 'touch'; pages: Uint32Array<ArrayBuffer> }
  | { [N in CallName]: { kind: 'call'; id: number; name: N; argument: Calls[N][0] } }[CallName]
  | { kind: 'frame'; frame: Uint8Array }
  | { kind: 'keys'; scanCodes: Uint8Array }
  /** No page is missing any more. */
  | { kind: 'complete' }
  | { kind: 'close' }

export type Reply =
  /** The first one, with where RAM lies in the memory that both threads see. */
  | { kind: 'ready'; place: SharedRamPlace }
  | { kind: 'result'; id: number; value: unknown }
  | { kind: 'error'; id: number; error: ErrorReport }
  | { kind: 'serial'; bytes: Uint8Array }
  | { kind: 'frame'; frame: Uint8Array }
  | { kind: 'fault'; page: number }
  | { kind: 'guarded'; page: number }

export interface ThreadData {
  readonly config: MachineConfig
  readonly module: WebAssembly.Module
  readonly doorbell: SharedArrayBuffer
  readonly clockBase: number
}
