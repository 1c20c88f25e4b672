/** The lab of this page: over a message port in the desktop app, over a WebSocket in a browser. */
import type { FerryShell, PortMessage, ServiceStatus } from '../../../electron/shell.ts'
import type { LabApi } from './api.ts'
import { type MessagePortApi, messagePortApi } from './message-port-api.ts'
import { connect } from './web-socket-api.ts'

/** @param onService told how the desktop app's lab service is; never called in a browser */
export function openLab(onService: (status: ServiceStatus) => void): LabApi {
  const shell = window.ferry
  return shell === undefined ? connect(location.href) : overPorts(shell, onService)
}

function overPorts(shell: FerryShell, onService: (status: ServiceStatus) => void): LabApi {
  const api: MessagePortApi = messagePortApi()
  let expected = ''
  window.addEventListener('message', (event: MessageEvent<unknown>) => {
    const [port] = event.ports
    if (event.origin !== location.origin || port === undefined || !isPortMessage(event.data)) return
    if (event.data.nonce !== expected) return
    expected = ''
    api.attach(port)
  })
  shell.onService((status) => {
    if (status.state === 'running') {
      expected = crypto.randomUUID()
      void shell.requestPort(expected)
    } else if (status.state === 'stopped') {
      api.lost(status.restarting)
    }
    onService(status)
  })
  return api
}

function isPortMessage(data: unknown): data is PortMessage {
  return typeof data === 'object' && data !== null && 'type' in data && data.type === 'ferry:port' && 'nonce' in data
}
