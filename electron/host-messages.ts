/**
 * What the main process and the lab service's process say to each other. Ports go as such to a utility process; for a
 * plain child, `port` numbers them, and what they carry is relayed as `data`.
 */
import type { ErrorReport } from '../engine/util/errors.ts'

export type ToHost =
  | { readonly type: 'connect'; readonly port: number }
  | { readonly type: 'data'; readonly port: number; readonly message: unknown }
  | { readonly type: 'close'; readonly port: number }
  /** Close the lab, then the process. */
  | { readonly type: 'end' }

export type FromHost =
  | { readonly type: 'ready' }
  /** The lab could not be opened. */
  | { readonly type: 'failed'; readonly error: ErrorReport }
  /** A line for the terminal. */
  | { readonly type: 'note'; readonly line: string }
  | { readonly type: 'data'; readonly port: number; readonly message: string }
  | { readonly type: 'close'; readonly port: number }
