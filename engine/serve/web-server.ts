/**
 * Browser mode: the built page over HTTP and the lab over a WebSocket, for this computer only.
 *
 *   GET /?token=T            the page; without the token 403
 *   GET /assets/…            its scripts and styles
 *   WebSocket /lab?token=T   text frames, JSON:  page → {id, method, input}
 *                                                lab  → {id, result} | {id, error: {code, message, data}} | {event, payload}
 *
 * A page that reads too slowly is closed with 4008 (outbox.ts), what is no request with 1008, a frame over 1 MiB with
 * 1009, a binary one with 1003, and at the end of the lab with 1001.
 */
import { access } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { MAX_REQUEST_BYTES } from '../lab/requests.ts'
import type { LabService } from '../lab/service.ts'
import { FerryError } from '../util/errors.ts'
import { Admission } from './admission.ts'
import { CLOSE } from './outbox.ts'
import { Session } from './session.ts'
import { StaticFiles } from './static-files.ts'

const ADDRESS = '127.0.0.1'
const LAB_PATH = '/lab'
const MAX_CLIENTS = 16
/** Of all kinds; a browser holds six at a time for a page's files. */
const MAX_CONNECTIONS = 64
const PING_MS = 15_000
/** At the end of the lab, answers that are on their way get so long. */
const LAST_ANSWERS_MS = 500

const HEADERS = {
  'Content-Security-Policy': [
    "default-src 'self'",
    "connect-src 'self'",
    // xterm.js writes its theme and its cell sizes into style elements of its own.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    // The voice of a recording that is played.
    "media-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

export interface WebServerOptions {
  /** Folder of the built page, with its index.html; an absolute path. */
  readonly root: string
  /** 0, the default: any that is free. */
  readonly port?: number
  /** Between pings; who has not answered the last one is gone. */
  readonly ping_ms?: number
}

export interface WebServer {
  readonly port: number
  /** Of the page, with the token. */
  readonly url: string
  /** Of the WebSocket, with the token. */
  readonly labUrl: string
  /** Answers what was asked and ends all connections. */
  close(): Promise<void>
}

/** @throws FerryError `web.page` (no index.html), `web.listen` */
export async function serveWeb(service: LabService, options: WebServerOptions): Promise<WebServer> {
  await access(join(options.root, 'index.html')).catch((cause: unknown) => {
    throw new FerryError('web.page', `There is no built page in ${options.root}.`, { root: options.root }, cause)
  })
  const server = createServer()
  server.maxConnections = MAX_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    const port = options.port ?? 0
    server.once('error', (cause) => {
      const message = `Nothing can listen at ${ADDRESS}:${port}: ${cause.message}.`
      reject(new FerryError('web.listen', message, { port }, cause))
    })
    server.listen(port, ADDRESS, resolve)
  })
  const { port } = server.address() as AddressInfo
  const admission = new Admission(port)
  const files = new StaticFiles(options.root)
  const clients = new Clients(service, options.ping_ms ?? PING_MS)
  server.on('request', (request, response) => {
    answerPage(admission, files, request, response).catch(() => response.destroy())
  })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    const refusal = refusalOf(admission, clients, request)
    if (refusal === null) clients.add(request, socket, head)
    else refuse(socket, ...refusal)
  })
  return {
    port,
    url: `http://${ADDRESS}:${port}/?token=${admission.token}`,
    labUrl: `ws://${ADDRESS}:${port}${LAB_PATH}?token=${admission.token}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      await clients.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function answerPage(
  admission: Admission,
  files: StaticFiles,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const say = (status: number, text: string, headers: Record<string, string> = {}): void => {
    response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8', ...headers })
    response.end(`${text}\n`)
  }
  if (!admission.hostIsOurs(request)) return say(403, 'This server answers to 127.0.0.1 and localhost only.')
  if (request.method !== 'GET' && request.method !== 'HEAD') return say(405, 'Only GET.', { Allow: 'GET, HEAD' })
  const url = urlOf(request)
  if (url === null) return say(400, 'This is no path.')
  const path = url.pathname === '/' ? '/index.html' : url.pathname
  // Before the disk is touched, so that who has no token learns nothing of it.
  if (extname(path) === '.html' && !admission.tokenIsOurs(url)) return say(403, NO_TOKEN)
  const file = await files.read(path)
  if (file === null) return say(404, 'There is no such file.')
  if (file.type.startsWith('text/html') && !admission.tokenIsOurs(url)) return say(403, NO_TOKEN)
  response.writeHead(200, {
    ...HEADERS,
    'Content-Type': file.type,
    'Content-Length': file.body.length,
    'Cache-Control': file.lasting ? 'public, max-age=31536000, immutable' : 'no-store',
  })
  response.end(request.method === 'HEAD' ? undefined : file.body)
}

const NO_TOKEN =
  'This page opens with the whole address that `ferry serve` printed, the token at its end included.\n' +
  'The token changes with every start: take the address from the terminal in which Ferry runs now.'

/** Why a WebSocket is not let in; null where it is. */
function refusalOf(admission: Admission, clients: Clients, request: IncomingMessage): [string, string] | null {
  const url = urlOf(request)
  if (!admission.hostIsOurs(request)) return ['403 Forbidden', 'This server answers to 127.0.0.1 and localhost only.']
  if (!admission.originIsOurs(request)) return ['403 Forbidden', 'Only the page of this server may connect.']
  if (url === null || !admission.tokenIsOurs(url)) return ['403 Forbidden', NO_TOKEN]
  if (url.pathname !== LAB_PATH) return ['404 Not Found', `The lab is at ${LAB_PATH}.`]
  if (clients.size >= MAX_CLIENTS) {
    return ['503 Service Unavailable', `${MAX_CLIENTS} pages are connected already. Close one.`]
  }
  return null
}

function refuse(socket: Duplex, status: string, text: string): void {
  const head = [
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
  ]
  socket.end([`HTTP/1.1 ${status}`, ...head, '', text].join('\r\n'))
}

function urlOf({ url = '' }: IncomingMessage): URL | null {
  return url.startsWith('/') && !url.startsWith('//') ? URL.parse(url, `http://${ADDRESS}`) : null
}

/** The pages that are connected. */
class Clients {
  readonly #service: LabService
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: MAX_REQUEST_BYTES, perMessageDeflate: false })
  readonly #sessions = new Map<WebSocket, Session>()
  /** Those that have not answered the last ping. */
  readonly #silent = new Set<WebSocket>()
  readonly #pings: NodeJS.Timeout

  constructor(service: LabService, ping_ms: number) {
    this.#service = service
    this.#pings = setInterval(() => this.#ping(), ping_ms)
  }

  get size(): number {
    return this.#sessions.size
  }

  add(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, socket, head, (client) => this.#serve(client))
  }

  async close(): Promise<void> {
    clearInterval(this.#pings)
    const gone = [...this.#sessions.keys()].map((client) => new Promise((resolve) => client.once('close', resolve)))
    for (const session of this.#sessions.values()) session.finish()
    const impatience = setTimeout(() => {
      for (const client of this.#sessions.keys()) client.terminate()
    }, LAST_ANSWERS_MS)
    await Promise.all(gone)
    clearTimeout(impatience)
  }

  #serve(client: WebSocket): void {
    const session = new Session(this.#service, {
      send: (text) => client.send(text, () => session.drained()),
      unsent_B: () => client.bufferedAmount,
      close: (code, reason) => client.close(code, reason),
    })
    this.#sessions.set(client, session)
    client.on('message', (data: Buffer, isBinary) => {
      if (isBinary) client.close(CLOSE.unsupported, 'Only text frames.')
      else session.receive(data.toString('utf8'))
    })
    client.on('pong', () => this.#silent.delete(client))
    // `ws` closes with the right code by itself: 1009 for a frame that is too long, 1007 for text that is not UTF-8.
    client.on('error', () => {})
    client.on('close', () => {
      session.end()
      this.#sessions.delete(client)
      this.#silent.delete(client)
    })
  }

  #ping(): void {
    for (const client of this.#sessions.keys()) {
      if (this.#silent.has(client)) client.terminate()
      else {
        this.#silent.add(client)
        client.ping()
      }
    }
  }
}
