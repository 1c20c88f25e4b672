/**
 * What the desktop shell offers the page as `window.ferry`, and the requests behind it. The page may import the types;
 * the schemas are applied in the main process, to whatever comes over IPC.
 */
import * as v from 'valibot'

/** What a menu item or its key asks of the page. The page has the same keys in browser mode. */
export type ShellCommand =
  | 'guest.new'
  | 'guest.migrate'
  | 'migration.cancel'
  | 'export'
  | 'record'
  | 'view.lab'
  | 'view.inspect'
  | 'view.measurements'
  | 'view.experiments'
  | 'view.recordings'
  | 'view.guide'
  | 'view.terminal'
  | 'pane.next'
  | 'pane.previous'
  | 'help.shortcuts'
  | 'help.contents'

/** How the lab service is. `message` says what happened, what is safe, and what to do. */
export type ServiceStatus =
  | { readonly state: 'starting' }
  /** Ask for a new port. */
  | { readonly state: 'running' }
  | { readonly state: 'stopped'; readonly message: string; readonly restarting: boolean }

export interface ShellError {
  readonly code: string
  readonly message: string
  readonly data: Readonly<Record<string, string | number | boolean | null>>
}

/** Errors are values here: an exception would lose its code on the way through the context bridge. */
export type Answer<T> = { readonly result: T } | { readonly error: ShellError }

export interface FerryShell {
  readonly platform: string
  /**
   * Asks for the port to the lab service; it waits until the service runs. The port comes as a `message` event of the
   * window, from this origin, whose data is a {@link PortMessage} with this nonce, and whose only port it is. One port
   * for each load of the page, and a new one after the service was restarted.
   */
  requestPort(nonce: string): Promise<Answer<null>>
  /** Asks the user where to, and writes there. The name of the written file, or null where the user cancelled. */
  saveFile(file: SaveInput): Promise<Answer<string | null>>
  /** The user has turned their voice on, or off: only in between may the page use the microphone. */
  useMicrophone(wanted: boolean): Promise<Answer<null>>
  /** After {@link ServiceStatus} `stopped` without `restarting`. */
  restartService(): Promise<Answer<null>>
  /** Returns the function that unsubscribes; so do the others. */
  onCommand(listener: (command: ShellCommand) => void): () => void
  /** Told at once, and at every change. */
  onService(listener: (status: ServiceStatus) => void): () => void
}

export interface PortMessage {
  readonly type: 'ferry:port'
  readonly nonce: string
}

/** IPC channels. */
export const REQUEST = 'ferry:request'
export const PORT = 'ferry:port'
export const COMMAND = 'ferry:command'
export const SERVICE = 'ferry:service'

const MAX_FILE_BYTES = 256 << 20

const saveInput = v.object({
  /** Proposed name: no folder in it. */
  name: v.pipe(v.string(), v.regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,99}$/u)),
  data: v.union([
    v.pipe(v.string(), v.maxLength(MAX_FILE_BYTES)),
    v.pipe(
      v.instance(Uint8Array),
      v.check(({ length }) => length <= MAX_FILE_BYTES),
    ),
  ]),
})
export type SaveInput = v.InferInput<typeof saveInput>

/** Every request that the page can make, with the schema of its payload. */
export const REQUESTS = {
  'port.request': v.object({ nonce: v.pipe(v.string(), v.regex(/^[0-9A-Za-z-]{16,64}$/)) }),
  'file.save': saveInput,
  'microphone.use': v.object({ wanted: v.boolean() }),
  'service.restart': v.object({}),
  'service.status': v.object({}),
} as const
export type RequestName = keyof typeof REQUESTS
export type RequestInput<R extends RequestName> = v.InferOutput<(typeof REQUESTS)[R]>

declare global {
  interface Window {
    /** There in the desktop app only. */
    readonly ferry?: FerryShell
  }
}
