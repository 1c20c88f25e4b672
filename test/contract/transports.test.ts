/** The conformance suite over every transport, with the code that front ends use. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { runningLabs } from '../../engine/lab/control-client.ts'
import { serveControl } from '../../engine/lab/control.ts'
import { Session } from '../../engine/serve/session.ts'
import type { LabApi } from '../../renderer/src/api/api.ts'
import { messagePortApi, type Port } from '../../renderer/src/api/message-port-api.ts'
import { type Client, conformance, type Transport } from './conformance.ts'
import { openPage, type Page } from './page.ts'

const inProcess: Transport = {
  name: 'in process',
  open: (service) =>
    Promise.resolve({
      connect: () =>
        Promise.resolve({
          call: (method, input) => service.call(method, input),
          on: (event, listener) => service.on(event, listener),
          close: () => {},
        }),
      close: () => Promise.resolve(),
    }),
}

const controlSocket: Transport = {
  name: 'over the control socket',
  open: async (service) => {
    const folder = await mkdtemp(join(tmpdir(), 'ferry-control-'))
    const control = await serveControl(service, folder)
    let ended: Promise<void> | null = null
    const end = (): Promise<void> => (ended ??= control.close())
    return {
      connect: async () => (await runningLabs(folder))[0],
      breakOff: () => void end(),
      goneCode: 'control.gone',
      close: async () => {
        await end()
        await rm(folder, { recursive: true })
      },
    }
  },
}

const webSocket: Transport = {
  name: 'over a WebSocket',
  open: async (service) => {
    const page: Page = await openPage(service)
    return {
      connect: () => page.connect(),
      breakOff: () => void page.server.close(),
      goneCode: 'lab.disconnected',
      close: () => page.close(),
    }
  },
}

const messagePort: Transport = {
  name: 'over a message port',
  open: (service) => {
    const ports: MessagePort[] = []
    return Promise.resolve({
      connect: () => {
        const { port1, port2 } = new MessageChannel()
        ports.push(port1)
        const session = new Session(service, {
          send: (text) => port1.postMessage(text),
          unsent_B: () => 0,
          close: () => port1.close(),
        })
        port1.on('message', (message) => session.receive(message))
        port1.on('close', () => session.end())
        const api = messagePortApi()
        // The same as a page's port; only Node's types say less of its events.
        api.attach(port2 as unknown as Port)
        return Promise.resolve(closable(api, () => port2.close()))
      },
      breakOff: () => ports.forEach((port) => port.close()),
      goneCode: 'lab.disconnected',
      close: () => Promise.resolve(ports.forEach((port) => port.close())),
    })
  },
}

function closable(api: LabApi, close: () => void): Client {
  return { call: (method, input) => api.call(method, input), on: (event, listener) => api.on(event, listener), close }
}

conformance(inProcess, { events: true, breaks: false, guests: false })
// The command line asks and does not listen.
conformance(controlSocket, { events: false, breaks: true, guests: false })
conformance(webSocket, { events: true, breaks: true, guests: true })
conformance(messagePort, { events: true, breaks: true, guests: false })
