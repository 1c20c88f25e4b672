/** The lab of this page: over a message port in the desktop app, over a WebSocket in a browser. */
import type { ServiceStatus } from '../../../electron/shell.ts'
import type { LabApi } from './api.ts'
import { overPorts } from './over-ports.ts'
import { connect } from './web-socket-api.ts'

/** @param onService told how the desktop app's lab service is; never called in a browser */
export function openLab(onService: (status: ServiceStatus) => void): LabApi {
  const shell = window.ferry
  return shell === undefined ? connect(location.href) : overPorts(shell, window, onService)
}
