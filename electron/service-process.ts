/**
 * The lab service's process, in one of two ways: Electron's `utilityProcess` where the Node in this Electron is new
 * enough for the service, else a plain child of a Node that is. A port cannot be handed to a plain child: there, this
 * file relays what the port carries.
 */
import { spawn } from 'node:child_process'
import { type MessagePortMain, utilityProcess } from 'electron'
import type { FromHost, ToHost } from './host-messages.ts'
import { nodeForChild, OLDEST_NODE, type Way } from './service-way.ts'

export interface ServiceProcess {
  readonly pid: number | undefined
  connect(port: MessagePortMain): void
  send(message: ToHost): void
  kill(): void
}

export interface ServiceListener {
  message(message: FromHost): void
  /** `how` completes "The lab service stopped: …". */
  exit(how: string): void
}

export function startService(module: string, way: Way, listener: ServiceListener): ServiceProcess {
  return way === 'utility' ? startUtility(module, listener) : startChild(module, listener)
}

function startUtility(module: string, listener: ServiceListener): ServiceProcess {
  const child = utilityProcess.fork(module, [], {
    env: environment(),
    serviceName: 'Ferry lab service',
    stdio: 'inherit',
  })
  child.on('message', (message: FromHost) => listener.message(message))
  child.on('exit', (code) => listener.exit(ending(code, null)))
  let ports = 0
  return {
    get pid() {
      return child.pid
    },
    connect: (port) => child.postMessage({ type: 'connect', port: ports++ } satisfies ToHost, [port]),
    send: (message) => child.postMessage(message),
    kill: () => void child.kill(),
  }
}

function startChild(module: string, listener: ServiceListener): ServiceProcess {
  const node = nodeForChild()
  if (node === undefined) {
    throw new Error(
      `The lab service needs Node ${OLDEST_NODE.join('.')} or later, and this Electron has ${process.versions.node}. Start Ferry by "npm start", which brings one, or name one in FERRY_NODE.`,
    )
  }
  const child = spawn(node, [module], { env: environment(), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const ports = new Map<number, MessagePortMain>()
  let nextPort = 0
  let ended = false
  const send = (message: ToHost): void => {
    // Once it is gone, its end is told by `exit`.
    if (child.connected) child.send(message, () => {})
  }
  const end = (how: string): void => {
    if (ended) return
    ended = true
    for (const port of ports.values()) port.close()
    ports.clear()
    listener.exit(how)
  }
  child.on('message', (message: FromHost) => {
    if (message.type === 'data') ports.get(message.port)?.postMessage(message.message)
    else if (message.type === 'close') ports.get(message.port)?.close()
    else listener.message(message)
  })
  child.on('exit', (code, signal) => end(ending(code, signal)))
  child.on('error', (error) => end(error.message))
  return {
    pid: child.pid,
    connect: (port) => {
      const number = nextPort++
      ports.set(number, port)
      send({ type: 'connect', port: number })
      port.on('message', ({ data }: { data: unknown }) => send({ type: 'data', port: number, message: data }))
      port.on('close', () => {
        ports.delete(number)
        send({ type: 'close', port: number })
      })
      port.start()
    },
    send,
    kill: () => void child.kill('SIGKILL'),
  }
}

const ending = (code: number | null, signal: NodeJS.Signals | null): string =>
  signal === null ? `exit code ${code}` : `signal ${signal}`

/** Ours without what would change how the service's Node behaves. */
function environment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !/^(NODE_|ELECTRON_|npm_)/.test(entry[0]),
    ),
  )
}
