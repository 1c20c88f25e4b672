/** The lab over a message port: the desktop app. Ports come from outside, a new one whenever the lab was started anew. */
import type { LabApi } from './api.ts'
import { Channel } from './channel.ts'

/** What is needed of a page's MessagePort. */
export interface Port {
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: 'close', listener: () => void): void
  start(): void
  close(): void
}

export interface MessagePortApi extends LabApi {
  /** Goes on over this port; calls made before the first one wait for it. */
  attach(port: Port): void
  /** The lab is gone, as whoever runs it knows before the port tells; `again` where it is being started anew. */
  lost(again: boolean): void
}

export function messagePortApi(): MessagePortApi {
  const channel = new Channel()
  let port: Port | null = null

  const drop = (): void => {
    const last = port
    port = null
    last?.close()
    channel.closed()
  }

  return {
    call: (method, input) => channel.call(method, input),
    on: (event, listener) => channel.on(event, listener),
    onState: (listener) => channel.onState(listener),
    get state() {
      return channel.state
    },
    attach: (own) => {
      if (port !== null) drop()
      port = own
      own.addEventListener('message', ({ data }) => {
        if (port === own && !channel.receive(data)) drop()
      })
      own.addEventListener('close', () => {
        if (port === own) drop()
      })
      own.start()
      channel.opened((request) => own.postMessage(request))
    },
    lost: (again) => {
      drop()
      if (again) channel.connecting()
    },
  }
}
