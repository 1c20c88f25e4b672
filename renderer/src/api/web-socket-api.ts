/** The lab over a WebSocket: browser mode. Connects again by itself when the connection ends. */
import type { LabApi } from './api.ts'
import { Channel } from './channel.ts'

/** What is needed of a browser's WebSocket. */
export interface Socket {
  send(text: string): void
  close(): void
  addEventListener(type: 'open' | 'close' | 'error', listener: () => void): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
}

export interface WebSocketApiOptions {
  /** e.g. `ws://127.0.0.1:PORT/lab?token=…`; `labUrl` makes it. */
  readonly url: string
  /** Default: the browser's own. */
  readonly connect?: (url: string) => Socket
  /** Before the first attempt to connect again; doubled with each that fails, up to `longestWait_ms`. */
  readonly firstWait_ms?: number
  readonly longestWait_ms?: number
}

export interface WebSocketApi extends LabApi {
  /** Ends the connection for good. */
  close(): void
}

const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 5000

/**
 * What happened while there was no connection is not told afterwards: when the state becomes `open` again, ask.
 * Attempts go on until `close`; between them the state is `closed`.
 */
export function webSocketApi(options: WebSocketApiOptions): WebSocketApi {
  const { url } = options
  const connect = options.connect ?? ((to: string): Socket => new WebSocket(to))
  const firstWait_ms = options.firstWait_ms ?? FIRST_WAIT_MS
  const longestWait_ms = options.longestWait_ms ?? LONGEST_WAIT_MS
  const channel = new Channel()
  let socket: Socket | null = null
  let wait_ms = firstWait_ms
  let timer: ReturnType<typeof setTimeout> | undefined

  const open = (): void => {
    channel.connecting()
    const own = connect(url)
    socket = own
    own.addEventListener('open', () => {
      if (socket !== own) return
      wait_ms = firstWait_ms
      channel.opened((request) => own.send(JSON.stringify(request)))
    })
    own.addEventListener('message', ({ data }) => {
      if (socket === own && !channel.receive(data)) own.close()
    })
    // `close` follows.
    own.addEventListener('error', () => {})
    own.addEventListener('close', () => {
      if (socket !== own) return
      socket = null
      timer = setTimeout(open, wait_ms)
      wait_ms = Math.min(2 * wait_ms, longestWait_ms)
      channel.closed()
    })
  }
  open()

  return {
    call: (method, input) => channel.call(method, input),
    on: (event, listener) => channel.on(event, listener),
    onState: (listener) => channel.onState(listener),
    get state() {
      return channel.state
    },
    close: () => {
      clearTimeout(timer)
      const last = socket
      socket = null
      last?.close()
      channel.closed()
    },
  }
}

/** The lab of the page at this address. */
export const connect = (page: string): WebSocketApi => webSocketApi({ url: labUrl(page) })

/** Where the lab of a page is: same server, same token. */
export function labUrl(page: string): string {
  const url = new URL(page)
  url.protocol = url.protocol === 'https:' || url.protocol === 'wss:' ? 'wss:' : 'ws:'
  url.pathname = '/lab'
  url.hash = ''
  return url.href
}
