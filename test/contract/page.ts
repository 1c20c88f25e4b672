/** A served page for tests: files in a folder of their own, and the renderer's client on Node's WebSocket. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LabService } from '../../engine/lab/service.ts'
import { serveWeb, type WebServer } from '../../engine/serve/web-server.ts'
import {
  labUrl,
  type WebSocketApi,
  type WebSocketApiOptions,
  webSocketApi,
} from '../../renderer/src/api/web-socket-api.ts'
import { until } from './lab-at-hand.ts'

export const SECRET = 'not for everybody'

export interface Page {
  readonly server: WebServer
  /** Of the page, as a browser has it. */
  readonly origin: string
  /** An open connection. */
  connect(options?: Partial<WebSocketApiOptions>): Promise<WebSocketApi>
  close(): Promise<void>
}

export async function openPage(service: LabService, options: { ping_ms?: number } = {}): Promise<Page> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-page-'))
  const root = join(folder, 'dist')
  await mkdir(join(root, 'assets'), { recursive: true })
  await writeFile(join(folder, 'secret.txt'), SECRET)
  await writeFile(join(root, 'index.html'), '<!doctype html><title>Ferry</title>')
  await writeFile(join(root, 'assets', 'index-a1B2c3D4.js'), 'export {}')
  await writeFile(join(root, 'assets', 'index-a1B2c3D4.css'), 'body {}')
  await writeFile(join(root, '.hidden.js'), SECRET)
  await symlink(join(folder, 'secret.txt'), join(root, 'link.txt'))
  const server = await serveWeb(service, { root, ...options })
  const origin = `http://127.0.0.1:${server.port}`
  return {
    server,
    origin,
    connect: async (apiOptions) => {
      const api = webSocketApi({
        url: labUrl(server.url),
        // Browsers send the page's origin by themselves.
        connect: (url) => new WebSocket(url, { headers: { origin } }),
        ...apiOptions,
      })
      await until(() => api.state === 'open', 'the page is connected')
      return api
    },
    close: async () => {
      await server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
