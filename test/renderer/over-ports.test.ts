/** How the desktop app's page comes to its lab: it asks the shell for a port, once for each start of the lab service. */
import { describe, expect, it } from 'vitest'
import type { FerryShell, ServiceStatus } from '../../electron/shell.ts'
import type { Port } from '../../renderer/src/api/message-port-api.ts'
import { overPorts, type PortEvent, type PortPage } from '../../renderer/src/api/over-ports.ts'

const ORIGIN = 'ferry://app'

/** A port that nobody speaks on. */
const port: Port = { postMessage: () => {}, addEventListener: () => {}, start: () => {}, close: () => {} }

/** A shell like the real one: it gives a page one port for each start of the service, and refuses a second. */
function shellAndPage() {
  let tell: (status: ServiceStatus) => void = () => {}
  let deliver: (event: PortEvent) => void = () => {}
  let given = false
  const requests: string[] = []
  const shell: FerryShell = {
    platform: 'linux',
    requestPort: (nonce) => {
      requests.push(nonce)
      if (given) return Promise.resolve({ error: { code: 'shell.port', message: '', data: {} } })
      given = true
      const event = { origin: ORIGIN, ports: [port], data: { type: 'ferry:port', nonce } }
      // As in the app, the port comes by a way of its own, behind whatever was sent before.
      setImmediate(() => deliver(event))
      return Promise.resolve({ result: null })
    },
    saveFile: () => Promise.reject(new Error('not asked for here')),
    useMicrophone: () => Promise.reject(new Error('not asked for here')),
    restartService: () => Promise.reject(new Error('not asked for here')),
    onCommand: () => () => {},
    onService: (listener) => {
      tell = listener
      return () => {}
    },
  }
  const page: PortPage = { location: { origin: ORIGIN }, addEventListener: (_type, listener) => (deliver = listener) }
  return {
    shell,
    page,
    requests,
    status: (status: ServiceStatus) => {
      if (status.state === 'stopped') given = false
      tell(status)
    },
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5))

describe('the lab over a port of the desktop app', () => {
  it('is connected though the start of the service is told twice', async () => {
    const { shell, page, requests, status } = shellAndPage()
    const lab = overPorts(shell, page, () => {})
    status({ state: 'running' })
    status({ state: 'running' })
    await settled()
    expect(lab.state).toBe('open')
    expect(requests).toHaveLength(1)
  })

  it('asks anew when the service was started again', async () => {
    const { shell, page, requests, status } = shellAndPage()
    const lab = overPorts(shell, page, () => {})
    status({ state: 'running' })
    await settled()
    status({ state: 'stopped', message: 'it fell', restarting: true })
    expect(lab.state).toBe('connecting')
    status({ state: 'running' })
    await settled()
    expect(lab.state).toBe('open')
    expect(requests).toHaveLength(2)
  })
})
