/** The lab of the desktop app's page: its shell sends ports to the lab service. */
import type { FerryShell, PortMessage, ServiceStatus } from '../../../electron/shell.ts'
import type { LabApi } from './api.ts'
import { type MessagePortApi, messagePortApi, type Port } from './message-port-api.ts'

/** Of a page's window. */
export interface PortPage {
  readonly location: { readonly origin: string }
  addEventListener(type: 'message', listener: (event: PortEvent) => void): void
}
export interface PortEvent {
  readonly origin: string
  readonly ports: readonly Port[]
  readonly data: unknown
}

/** The lab over the ports that the desktop app's shell sends into `page`: one for each start of the lab service. */
export function overPorts(shell: FerryShell, page: PortPage, onService: (status: ServiceStatus) => void): LabApi {
  const api: MessagePortApi = messagePortApi()
  let expected = ''
  let running = false
  page.addEventListener('message', (event) => {
    const [port] = event.ports
    if (event.origin !== page.location.origin || port === undefined || !isPortMessage(event.data)) return
    if (event.data.nonce !== expected) return
    expected = ''
    api.attach(port)
  })
  shell.onService((status) => {
    // A start may be told twice, by the answer and by the change that crossed it: a second request would be refused,
    // and the port of the first one no longer be expected.
    if (status.state === 'running' && !running) {
      expected = crypto.randomUUID()
      void shell.requestPort(expected)
    } else if (status.state === 'stopped') {
      api.lost(status.restarting)
    }
    running = status.state === 'running'
    onService(status)
  })
  return api
}

function isPortMessage(data: unknown): data is PortMessage {
  return typeof data === 'object' && data !== null && 'type' in data && data.type === 'ferry:port' && 'nonce' in data
}
