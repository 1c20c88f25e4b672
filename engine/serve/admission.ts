/**
 * Who may come in. The server listens on 127.0.0.1 only, but every page in the user's browser and every program on the
 * computer can reach it there: hence the token, which only the printed URL has; the Host header, against names that
 * resolve to 127.0.0.1 (DNS rebinding); and the Origin header, against other pages.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

const TOKEN_BYTES = 16

export class Admission {
  readonly token: string
  readonly #digest: Buffer
  readonly #hosts: ReadonlySet<string>

  constructor(port: number, token = randomBytes(TOKEN_BYTES).toString('base64url')) {
    this.token = token
    this.#digest = digest(token)
    this.#hosts = new Set([`127.0.0.1:${port}`, `localhost:${port}`])
  }

  /** The request is for this server by its own name. */
  hostIsOurs({ headers: { host } }: IncomingMessage): boolean {
    return host !== undefined && this.#hosts.has(host)
  }

  /** The request comes from a page of this server, of the same name. Browsers send it with every WebSocket. */
  originIsOurs({ headers: { host, origin } }: IncomingMessage): boolean {
    return host !== undefined && this.#hosts.has(host) && origin === `http://${host}`
  }

  /** In a time that tells nothing of how much of it is right. */
  tokenIsOurs(url: URL): boolean {
    const tokens = url.searchParams.getAll('token')
    return tokens.length === 1 && timingSafeEqual(digest(tokens[0]), this.#digest)
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
