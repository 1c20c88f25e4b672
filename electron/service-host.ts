/**
 * The lab service as a process of its own. It is the same file in Electron's `utilityProcess`, where ports come from the
 * main process as such, and as a plain child of Node, where the main process relays what they carry. Either way one
 * port is one page's session.
 */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { serveControl } from '../engine/lab/control.ts'
import { defaultStore } from '../engine/lab/places.ts'
import { LabService } from '../engine/lab/service.ts'
import { Session } from '../engine/serve/session.ts'
import { FerryError } from '../engine/util/errors.ts'
import type { FromHost, ToHost } from './host-messages.ts'
import { stepBack } from './service-priority.ts'

/** Of Electron's MessagePortMain, in a utility process. */
interface Port {
  postMessage(message: string): void
  on(event: 'message', listener: (event: { data: unknown }) => void): void
  on(event: 'close', listener: () => void): void
  start(): void
  close(): void
}
interface ParentPort {
  postMessage(message: FromHost): void
  on(event: 'message', listener: (event: { data: ToHost; ports: Port[] }) => void): void
}

/** There in a utility process only. */
const parentPort = (process as { parentPort?: ParentPort }).parentPort

const tell = (message: FromHost): void => {
  if (parentPort !== undefined) parentPort.postMessage(message)
  // What cannot be sent any more has nobody to hear it; `disconnect` ends the lab.
  else process.send?.(message, undefined, undefined, () => {})
}

interface OpenLab {
  readonly service: LabService
  close(): Promise<void>
}

async function open(): Promise<OpenLab> {
  const store = defaultStore()
  await mkdir(dirname(store), { recursive: true })
  const service = new LabService({ store, onNote: (line) => tell({ type: 'note', line }) })
  for (const kind of ['xen', 'kvm'] as const) await service.call('hosts.add', { name: kind, kind })
  // Other terminals of the user reach this lab, too; where they cannot, the window still does.
  const control = await serveControl(service).catch((thrown: unknown) => {
    tell({ type: 'note', line: FerryError.from(thrown).message })
    return undefined
  })
  return {
    service,
    close: async () => {
      await control?.close()
      await service.close()
    },
  }
}

/** Sessions of pages whose ports the main process relays, by the port's number. */
const relayed = new Map<number, Session>()

/** A port tells nothing of how fast it is read. */
const unsent_B = (): number => 0

function serveRelayed(service: LabService, port: number): void {
  const session = new Session(service, {
    send: (message) => tell({ type: 'data', port, message }),
    unsent_B,
    close: () => tell({ type: 'close', port }),
  })
  relayed.set(port, session)
}

function servePort(service: LabService, port: Port): void {
  const session = new Session(service, {
    send: (text) => port.postMessage(text),
    unsent_B,
    close: () => port.close(),
  })
  port.on('message', ({ data }) => session.receive(data))
  port.on('close', () => session.end())
  port.start()
}

let lab: OpenLab | undefined

function receive(message: ToHost, [port]: readonly Port[]): void {
  switch (message.type) {
    case 'connect':
      if (lab === undefined) return
      if (port === undefined) serveRelayed(lab.service, message.port)
      else servePort(lab.service, port)
      break
    case 'data':
      relayed.get(message.port)?.receive(message.message)
      break
    case 'close':
      relayed.get(message.port)?.end()
      relayed.delete(message.port)
      break
    case 'end':
      void end()
  }
}

async function end(): Promise<void> {
  await lab?.close().catch(() => {})
  process.exit(0)
}

/** Leaves time for what was said to be heard. */
const LAST_WORDS_MS = 200

if (parentPort !== undefined) parentPort.on('message', ({ data, ports }) => receive(data, ports))
else {
  process.on('message', (message) => receive(message as ToHost, []))
  // The app is gone, and with it everybody who could ask.
  process.on('disconnect', () => void end())
}
// A Ctrl-C in the app's terminal reaches this process, too; the app says when the lab ends.
process.on('SIGINT', () => {})
try {
  lab = await open()
  // Not before: until the lab is there, the window waits for it.
  stepBack()
  tell({ type: 'ready' })
} catch (thrown) {
  tell({ type: 'failed', error: FerryError.from(thrown).toJSON() })
  setTimeout(() => process.exit(1), LAST_WORDS_MS)
}
