/** The page's end of a WebSocket. */
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { ConnectionState } from '../../renderer/src/api/api.ts'
import { Channel } from '../../renderer/src/api/channel.ts'
import { type Socket, webSocketApi } from '../../renderer/src/api/web-socket-api.ts'
import { type LabAtHand, openLab, until } from './lab-at-hand.ts'
import { openPage, type Page } from './page.ts'

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

describe('the client', () => {
  test('connects again by itself, tells its states, and keeps its listeners', async () => {
    let server = page
    const api = await page.connect({
      connect: () => new WebSocket(server.server.labUrl, { headers: { origin: server.origin } }),
      firstWait_ms: 10,
      longestWait_ms: 40,
    })
    const states: ConnectionState[] = []
    const told: string[] = []
    api.onState((state) => states.push(state))
    api.on('guests.removed', ({ guest }) => told.push(guest))
    await page.server.close()
    await until(() => states.filter((state) => state === 'closed').length > 2, 'several attempts have failed')
    await until(() => api.state === 'closed', 'it waits')
    await expect(api.call('hosts.list', {})).rejects.toMatchObject({ code: 'lab.disconnected' })
    const again = await openPage(service)
    server = again
    await until(() => api.state === 'open', 'it is connected again')
    service.tell('guests.removed', { guest: 'g' })
    expect(await api.call('guests.list', {})).toEqual([])
    expect(told).toEqual(['g'])
    expect(states.slice(0, 2)).toEqual(['closed', 'connecting'])
    expect(states.slice(-2)).toEqual(['connecting', 'open'])
    api.close()
    expect(api.state).toBe('closed')
    await again.close()
  })

  test('waits longer after each attempt that fails, up to a limit', async () => {
    const attempts: number[] = []
    await page.server.close()
    const api = webSocketApi({
      url: page.server.labUrl,
      connect: (url) => {
        attempts.push(performance.now())
        return new WebSocket(url)
      },
      firstWait_ms: 20,
      longestWait_ms: 80,
    })
    await until(() => attempts.length === 5, 'five attempts')
    api.close()
    const waits = attempts.slice(1).map((at, i) => at - attempts[i])
    // Timers are never early by more than their resolution.
    for (const [i, wait] of [20, 40, 80, 80].entries()) expect(waits[i]).toBeGreaterThan(wait - 2)
    await new Promise((resolve) => setTimeout(resolve, 120))
    expect(attempts).toHaveLength(5)
  })

  test('holds calls while it connects, and rejects them where that fails', async () => {
    const connect = (url: string): WebSocket => new WebSocket(url, { headers: { origin: page.origin } })
    const api = webSocketApi({ url: page.server.labUrl, connect })
    expect(api.state).toBe('connecting')
    expect(await api.call('guests.list', {})).toEqual([])
    api.close()
    const wrong = webSocketApi({ url: page.server.labUrl.replace(/token=.*/, 'token=wrong'), connect })
    await expect(wrong.call('guests.list', {})).rejects.toMatchObject({ code: 'lab.disconnected' })
    wrong.close()
  })

  test.each(['nonsense', '7', 'null', '{"id":null,"error":{"code":"x"}}', '{}'])(
    'closes a connection that brings %s, and tries another',
    async (nonsense) => {
      const sockets: FakeSocket[] = []
      const connect = (): Socket => {
        const socket = new FakeSocket()
        sockets.push(socket)
        // The same as a page's WebSocket; only Node's types say less of its events.
        return socket as unknown as Socket
      }
      const api = webSocketApi({ url: '', connect, firstWait_ms: 1 })
      sockets[0].dispatchEvent(new Event('open'))
      const call = expect(api.call('hosts.list', {})).rejects.toMatchObject({ code: 'lab.disconnected' })
      sockets[0].dispatchEvent(new MessageEvent('message', { data: nonsense }))
      await call
      await until(() => sockets.length === 2, 'another attempt')
      api.close()
    },
  )

  test('a listener that throws keeps nobody else from hearing', async () => {
    const thrown: unknown[] = []
    const faults = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException').once('uncaughtException', (error) => thrown.push(error))
    onTestFinished(() => {
      for (const listener of faults) process.on('uncaughtException', listener)
    })
    const channel = new Channel()
    const told: string[] = []
    channel.on('guests.removed', () => {
      throw new Error('a fault in the page')
    })
    channel.on('guests.removed', ({ guest }) => told.push(guest))
    channel.receive({ event: 'guests.removed', payload: { guest: 'g' } })
    expect(told).toEqual(['g'])
    await until(() => thrown.length === 1, 'the fault is reported')
  })
})

class FakeSocket extends EventTarget {
  send(): void {}
  close(): void {
    this.dispatchEvent(new Event('close'))
  }
}
