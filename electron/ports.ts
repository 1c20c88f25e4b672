/** Hands out ports between pages and the lab service: one for each load of a page and each start of the service. */
import { MessageChannelMain, type MessagePortMain, type WebContents } from 'electron'
import { ShellFailure } from './requests.ts'
import type { Service } from './service.ts'
import { PORT } from './shell.ts'

interface Load {
  /** None before the page asked, or since the service ended. */
  port: MessagePortMain | undefined
}

export class Ports {
  readonly #service: Service
  /** The present load of each page that may ask. */
  readonly #loads = new Map<WebContents, Load>()
  readonly #nonces = new Set<string>()

  constructor(service: Service) {
    this.#service = service
    service.on('status', ({ state }) => {
      if (state === 'stopped') for (const load of this.#loads.values()) load.port = undefined
    })
  }

  /** From now on, this page may ask. */
  watch(contents: WebContents): void {
    const begin = (): void => void this.#loads.set(contents, { port: undefined })
    begin()
    // Not before: a navigation that only started may be denied, and the page stays.
    contents.on('did-navigate', begin)
    contents.on('destroyed', () => this.#loads.delete(contents))
  }

  /** @throws ShellFailure `shell.port`, `shell.nonce`, `shell.service` */
  async give(contents: WebContents, nonce: string): Promise<void> {
    if (this.#nonces.has(nonce)) throw new ShellFailure('shell.nonce', 'This nonce was used before.')
    this.#nonces.add(nonce)
    const load = this.#loads.get(contents)
    await this.#service.running().catch((error: unknown) => {
      throw new ShellFailure('shell.service', error instanceof Error ? error.message : String(error))
    })
    // While the service started, the page may have gone.
    if (load === undefined || load !== this.#loads.get(contents)) {
      throw new ShellFailure('shell.port', 'The page that asked is gone.')
    }
    if (load.port !== undefined) throw new ShellFailure('shell.port', 'This page has its port to the lab already.')
    const { port1, port2 } = new MessageChannelMain()
    load.port = port2
    this.#service.connect(port2)
    contents.mainFrame.postMessage(PORT, nonce, [port1])
  }
}
