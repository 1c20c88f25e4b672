import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect as connectTcp } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket as RawSocket } from 'ws'
import { serveWeb } from '../../engine/serve/web-server.ts'
import type { ConnectionState } from '../../renderer/src/api/api.ts'
import { type LabAtHand, openLab, until } from './lab-at-hand.ts'
import { openPage, type Page, SECRET } from './page.ts'

let service: LabAtHand
let page: Page
beforeEach(async () => {
  service = await openLab()
  page = await openPage(service)
})
afterEach(async () => {
  await page.close()
  await service.close()
})

interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** As it is: neither path nor headers are tidied up. */
function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: page.server.port, path, method, headers, agent: false }
    const request = httpRequest(options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
    request.on('error', reject).end()
  })
}

/** Status of the refusal, or 101. */
function upgrade(url: string, options: { origin?: string; host?: string }): Promise<number> {
  return new Promise((resolve) => {
    const { origin, host } = options
    const headers = { ...(origin === undefined ? {} : { origin }), ...(host === undefined ? {} : { host }) }
    const socket = new RawSocket(url, { headers })
    socket.on('open', () => {
      socket.terminate()
      resolve(101)
    })
    socket.on('unexpected-response', (request, response) => {
      request.destroy()
      resolve(response.statusCode ?? 0)
    })
    socket.on('error', () => {})
  })
}

/** A connection below the client's code. */
async function rawSocket(options: { autoPong?: boolean } = {}): Promise<RawSocket> {
  const socket = new RawSocket(page.server.labUrl, { origin: page.origin, ...options })
  socket.on('error', () => {})
  onTestFinished(() => socket.terminate())
  await new Promise((resolve) => socket.once('open', resolve))
  return socket
}

const closeOf = (socket: RawSocket): Promise<{ code: number; reason: string }> =>
  new Promise((resolve) => socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() })))

const token = (): string => new URL(page.server.url).searchParams.get('token') ?? ''

describe('the page', () => {
  test('opens with the token, which has 128 bits and is another one at every start', async () => {
    expect(await get(`/?token=${token()}`)).toMatchObject({
      status: 200,
      text: expect.stringContaining('Ferry') as string,
    })
    expect(Buffer.from(token(), 'base64url')).toHaveLength(16)
    const other = await openPage(service)
    expect(new URL(other.server.url).searchParams.get('token')).not.toBe(token())
    await other.close()
  })

  test.each(['/', '/?token=', '/?token=wrong', '/index.html', '/index.html?token=a&token=b', '/%69ndex.html'])(
    'is refused at %s with a text that says what to do',
    async (path) => {
      const reply = await get(path)
      expect(reply.status).toBe(403)
      expect(reply.headers['content-type']).toBe('text/plain; charset=utf-8')
      expect(reply.text).toMatch(/whole address/)
      expect(reply.text).not.toContain('<title>')
    },
  )

  test('is refused where the right token comes with a second one', async () => {
    expect((await get(`/?token=${token()}&token=x`)).status).toBe(403)
  })

  test('answers to its own names only, so that no other name can be made to lead here', async () => {
    const { port } = page.server
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`]) {
      expect((await get(`/?token=${token()}`, { host })).status, host).toBe(200)
    }
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1', `127.0.0.1:${port + 1}`]) {
      expect((await get(`/?token=${token()}`, { host })).status, host).toBe(403)
      expect((await get('/assets/index-a1B2c3D4.js', { host })).status, host).toBe(403)
    }
  })

  test('comes with a policy that lets nothing in from outside, whatever is answered', async () => {
    for (const path of [`/?token=${token()}`, '/', '/nothing', '/assets/index-a1B2c3D4.js']) {
      const { headers } = await get(path)
      const policy = headers['content-security-policy'] as string
      expect(policy, path).toContain("default-src 'self'")
      expect(policy, path).toContain("connect-src 'self'")
      expect(policy, path).toContain("img-src 'self' data: blob:")
      expect(policy, path).toContain("media-src 'self' blob:")
      expect(policy, path).toContain("frame-ancestors 'none'")
      expect(policy, path).not.toMatch(/script-src|unsafe-eval|\*|https?:/)
      expect(headers, path).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
      })
    }
  })

  test('has the right types; only what never changes is kept', async () => {
    const index = await get(`/?token=${token()}`)
    expect(index.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
    const script = await get('/assets/index-a1B2c3D4.js')
    expect(script.headers['content-type']).toBe('text/javascript; charset=utf-8')
    expect(script.headers['cache-control']).toContain('immutable')
    expect((await get('/assets/index-a1B2c3D4.css')).headers['content-type']).toBe('text/css; charset=utf-8')
  })

  test.each([
    '/../secret.txt',
    '/assets/../../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets%2f..%2f..%2fsecret.txt',
    '/..%5csecret.txt',
    '/assets/..\\..\\secret.txt',
    '//secret.txt',
    '/%00',
    '/%',
    '/.hidden.js',
    '/link.txt',
    '/assets',
    '/assets/',
  ])('does not lead out of its folder: %s', async (path) => {
    const reply = await get(path)
    expect(reply.status, reply.text).toBeGreaterThanOrEqual(400)
    expect(reply.text).not.toContain(SECRET)
  })

  test('is read and nothing else', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      expect((await get(`/?token=${token()}`, {}, method)).status, method).toBe(405)
    }
    expect(await get(`/?token=${token()}`, {}, 'HEAD')).toMatchObject({ status: 200, text: '' })
  })

  test.runIf(process.platform === 'linux')('is reached at 127.0.0.1 and at no other address', async () => {
    const reached = await new Promise((resolve) => {
      const socket = connectTcp(page.server.port, '127.0.0.2', () => resolve(true))
      socket.on('error', () => resolve(false))
    })
    expect(reached).toBe(false)
  })

  test('is told to be missing before anything listens', async () => {
    const root = await mkdtemp(join(tmpdir(), 'ferry-empty-'))
    await expect(serveWeb(service, { root })).rejects.toMatchObject({ code: 'web.page' })
    await rm(root, { recursive: true })
    const taken = serveWeb(service, { root: join(root, '..'), port: page.server.port })
    await expect(taken).rejects.toMatchObject({ code: expect.stringMatching(/^web\./) as string })
  })
})

describe('the WebSocket', () => {
  test('lets in the page of this server with the token, and nobody else', async () => {
    const { labUrl, port } = page.server
    const { origin } = page
    expect(await upgrade(labUrl, { origin })).toBe(101)
    const named = { origin: `http://localhost:${port}`, host: `localhost:${port}` }
    expect(await upgrade(labUrl, named)).toBe(101)
    expect(await upgrade(labUrl, {}), 'no origin').toBe(403)
    for (const other of ['null', 'http://evil.example', `http://127.0.0.1:${port + 1}`, `https://127.0.0.1:${port}`]) {
      expect(await upgrade(labUrl, { origin: other }), other).toBe(403)
    }
    expect(await upgrade(labUrl, { origin: `http://localhost:${port}` }), 'another of its names').toBe(403)
    expect(await upgrade(labUrl, { origin: 'http://evil.example', host: 'evil.example' }), 'rebound name').toBe(403)
    expect(await upgrade(labUrl.replace(/token=.*/, 'token=wrong'), { origin }), 'wrong token').toBe(403)
    expect(await upgrade(labUrl.replace(/\?.*/, ''), { origin }), 'no token').toBe(403)
    expect(await upgrade(labUrl.replace('/lab?', '/other?'), { origin }), 'another path').toBe(404)
    expect(service.calls).toEqual([])
  })

  test('takes no more than 16 pages, and another one when one has left', async () => {
    const pages = await Promise.all(Array.from({ length: 16 }, () => rawSocket()))
    expect(await upgrade(page.server.labUrl, { origin: page.origin })).toBe(503)
    pages[0].close()
    await closeOf(pages[0])
    expect(await upgrade(page.server.labUrl, { origin: page.origin })).toBe(101)
  })

  test('closes what sends more than 1 MiB at a time, and takes the largest input there is', async () => {
    const api = await page.connect()
    const largest = { guest: 'nobody', data: '\u0000'.repeat(65_536) }
    await expect(api.call('guests.write', largest)).rejects.toMatchObject({ code: 'guest.unknown' })
    const socket = await rawSocket()
    socket.send(JSON.stringify({ id: 1, method: 'hosts.list', input: 'x'.repeat(1 << 20) }))
    expect((await closeOf(socket)).code).toBe(1009)
    expect(await api.call('guests.list', {})).toEqual([])
    api.close()
  })

  test('closes what sends no request, with the reason', async () => {
    for (const nonsense of ['nonsense', '[]', '{"id":"1","method":"hosts.list"}', '{"id":1}', `{"id":1,"method":7}`]) {
      const socket = await rawSocket()
      const answers: unknown[] = []
      socket.on('message', (data: Buffer) => answers.push(JSON.parse(data.toString())))
      socket.send(nonsense)
      expect(await closeOf(socket), nonsense).toMatchObject({
        code: 1008,
        reason: expect.stringMatching(/no request/) as string,
      })
      expect(answers, nonsense).toMatchObject([{ id: null, error: { code: 'control.request' } }])
    }
    const socket = await rawSocket()
    socket.send(Buffer.from('{"id":1,"method":"hosts.list"}'), { binary: true })
    expect((await closeOf(socket)).code).toBe(1003)
  })

  test('refuses more calls at a time than it has room for, and goes on', async () => {
    const api = await page.connect()
    service.held.add('images.list')
    const held = Array.from({ length: 64 }, () => api.call('images.list', {}).catch(() => {}))
    await expect(api.call('hosts.list', {})).rejects.toMatchObject({ code: 'control.busy' })
    api.close()
    await Promise.all(held)
  })

  test('lets no page name a file of this computer', async () => {
    const api = await page.connect()
    const input = { guest: 'nobody', to: 'kvm', record: '/tmp/stolen' }
    await expect(api.call('migrations.start', input)).rejects.toMatchObject({
      code: 'lab.input',
      data: { field: 'record' },
    })
    await expect(api.call('recordings.start', { path: '/tmp/stolen' })).rejects.toMatchObject({
      code: 'lab.input',
      data: { field: 'path' },
    })
    expect(service.calls).toEqual([])
    api.close()
  })

  test('lets a page go that does not answer its pings, and keeps one that does', async () => {
    // Both ends of the page that answers are in this process: on a busy machine its answer may be late.
    const quick = await openPage(service, { ping_ms: 500 })
    const api = await quick.connect()
    const told: ConnectionState[] = []
    api.onState((state) => told.push(state))
    const dead = new RawSocket(quick.server.labUrl, { origin: quick.origin, autoPong: false })
    await new Promise((resolve) => dead.once('open', resolve))
    expect((await closeOf(dead)).code).toBe(1006)
    expect(await api.call('guests.list', {})).toEqual([])
    expect(told).toEqual([])
    api.close()
    await quick.close()
  })

  test('answers what was asked before it closes at the end of the lab', async () => {
    const socket = await rawSocket()
    const answers: unknown[] = []
    socket.on('message', (data: Buffer) => answers.push(JSON.parse(data.toString())))
    socket.send(JSON.stringify({ id: 5, method: 'hosts.add', input: { name: 'late', kind: 'xen', port: 0 } }))
    await until(() => service.calls.length === 1, 'the call has come in')
    const closed = closeOf(socket)
    await page.server.close()
    expect((await closed).code).toBe(1001)
    expect(answers).toContainEqual({ id: 5, result: expect.objectContaining({ name: 'late' }) as object })
  })
})

describe('a page that reads slowly', () => {
  const output = (): void => service.tell('guests.output', { guest: 'busy', data: 'x'.repeat(100_000) })

  test('is closed with the reason where too much waits, and costs the others nothing', async () => {
    const slow = await rawSocket()
    slow.pause()
    const api = await page.connect()
    let told = 0
    api.on('guests.output', ({ data }) => (told += data.length))
    const wanted = 200 * 100_000
    for (let sent = 0; sent < wanted; sent += 100_000) {
      output()
      await until(() => told === sent + 100_000, 'the other page has read it')
    }
    // It reads on after all: what had left, and then why it ends.
    const closed = closeOf(slow)
    slow.resume()
    expect(await closed).toMatchObject({ code: 4008, reason: expect.stringMatching(/too slowly/) as string })
    expect(await api.call('guests.list', {})).toEqual([])
    api.close()
  })

  test('is no concern of the lab, nor of its end', async () => {
    const slow = await rawSocket()
    slow.pause()
    for (let i = 0; i < 200; i++) output()
    expect(await service.call('guests.list', {})).toEqual([])
    await page.server.close()
  })
})
