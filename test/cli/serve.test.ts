/** `ferry serve`, from the command line to a connected page. */
import { existsSync, readdirSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'
import { labUrl, webSocketApi } from '../../renderer/src/api/web-socket-api.ts'
import { Sandbox } from './command.ts'

const sandbox = new Sandbox()
afterAll(() => sandbox.remove())

it('opens a lab of two hosts to the page, and to other terminals, until Ctrl-C', async () => {
  const running = sandbox.start(['serve', '--port', '0'])
  await running.until('stdout', /^http:\S+\n/, 60_000)
  const url = running.stdout.trim()
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{22}$/)
  const page = await fetch(url)
  expect(page.status).toBe(200)
  const script = /src="\.?(\/assets\/[^"]+\.js)"/.exec(await page.text())?.[1] ?? ''
  expect((await fetch(new URL(script, url))).headers.get('content-type')).toMatch(/javascript/)

  const { origin } = new URL(url)
  const api = webSocketApi({ url: labUrl(url), connect: (to) => new WebSocket(to, { headers: { origin } }) })
  expect((await api.call('hosts.list', {})).map(({ name, kind }) => [name, kind])).toEqual([
    ['xen', 'xen'],
    ['kvm', 'kvm'],
  ])
  const hosts = JSON.parse((await sandbox.ferry('hosts', '--json')).stdout) as { lab: number }[]
  expect(hosts.map(({ lab }) => lab)).toEqual([running.child.pid, running.child.pid])
  api.close()

  running.child.kill('SIGINT')
  expect((await running.ended).code).toBe(0)
  expect(readdirSync(sandbox.path('ferry'))).toEqual([])
  expect(existsSync(sandbox.path('data/runs.sqlite'))).toBe(true)
  await expect(fetch(url)).rejects.toThrow()
})

it('says so where its port is taken', async () => {
  const first = sandbox.start(['serve', '--store', ':memory:'])
  await first.until('stdout', /^http:\S+\n/, 60_000)
  const { port } = new URL(first.stdout.trim())
  const second = await sandbox.ferry('serve', '--store', ':memory:', '--port', port)
  expect(second.code).toBe(1)
  expect(second.stderr).toMatch(/Nothing can listen at 127\.0\.0\.1.*--port/)
  expect(second.stdout).toBe('')
  first.child.kill('SIGTERM')
  expect((await first.ended).code).toBe(0)
})
