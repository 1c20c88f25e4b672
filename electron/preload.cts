/**
 * The bridge into the page: `window.ferry` (shell.ts), and nothing else. A sandboxed preload is one CommonJS file that
 * can load `electron` and no other module, so the names of the channels stand here again; a test compares them.
 */
import type { FerryShell, PortMessage, ServiceStatus, ShellCommand } from './shell.ts'

// eslint-disable-next-line @typescript-eslint/no-require-imports, @typescript-eslint/consistent-type-imports -- CommonJS
const { contextBridge, ipcRenderer } = require('electron') as typeof import('electron/renderer')

const request = (name: string, payload: unknown = {}) => ipcRenderer.invoke('ferry:request', name, payload)

function listen<T>(channel: string, listener: (value: T) => void): () => void {
  const handler = (_event: unknown, value: T): void => listener(value)
  ipcRenderer.on(channel, handler)
  return () => void ipcRenderer.off(channel, handler)
}

ipcRenderer.on('ferry:port', (event, nonce: string) => {
  const message: PortMessage = { type: 'ferry:port', nonce }
  // Only our own page gets it, whatever the frame shows by now.
  window.postMessage(message, 'ferry://app', [...event.ports])
})

const shell: FerryShell = {
  platform: process.platform,
  requestPort: (nonce) => request('port.request', { nonce }),
  saveFile: (file) => request('file.save', file),
  useMicrophone: (wanted) => request('microphone.use', { wanted }),
  restartService: () => request('service.restart'),
  onCommand: (listener) => listen<ShellCommand>('ferry:command', listener),
  onService: (listener) => {
    let told = false
    const stop = listen<ServiceStatus>('ferry:service', (status) => {
      told = true
      listener(status)
    })
    void request('service.status').then((answer: { result?: ServiceStatus }) => {
      // A change that came before the answer told it already.
      if (answer.result !== undefined && !told) listener(answer.result)
    })
    return stop
  },
}
contextBridge.exposeInMainWorld('ferry', shell)
