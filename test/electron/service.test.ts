/** The lab service beside the window: a crash is told and mended, finished runs stay, nothing is left behind. */
import { readdirSync, writeFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { listEntries } from '../../engine/lab/control-address.ts'
import { App, here, type Setting } from './app.ts'

const place = await here()

interface Status {
  readonly state: string
  readonly message?: string
  readonly restarting?: boolean
}

describe.skipIf(place.reason !== undefined)(`the lab service${place.because}`, () => {
  let setting: Setting
  let app: App
  beforeAll(async () => (setting = await place.setting()))
  afterAll(() => setting?.display.close())
  beforeEach(async () => {
    app = await App.start(setting)
    await app.connected()
  })
  afterEach(() => app?.close())

  const inPage = <T>(script: string): Promise<T> => app.page.evaluate<T>(script)
  /** Its control socket says who it is. */
  const pidOfService = async (): Promise<number> => {
    const [entry] = await listEntries(join(app.folder, 'ferry'))
    if (entry === undefined) throw new Error('No service listens.')
    return entry.pid
  }
  const isAlive = (pid: number): boolean => {
    try {
      process.kill(pid, 0)
      return true
    } catch {
      return false
    }
  }

  test('a guest is created, moves, and after a crash its run is still there', async () => {
    const run = await inPage<{ outcome: string }>(`(async () => {
      const { id } = await window.call('guests.create', { image: 'labos', host: 'xen' })
      const { run_id } = await window.call('migrations.start', { guest: id, to: 'kvm' })
      return window.call('migrations.wait', { run_id })
    })()`)
    expect(run.outcome).toBe('completed')
    process.kill(await pidOfService(), 'SIGKILL')
    await app.connected(2)
    const stopped = await inPage<Status | undefined>(`window.statuses.find(({ state }) => state === 'stopped')`)
    expect(stopped?.restarting).toBe(true)
    expect(stopped?.message).toMatch(/stopped unexpectedly \(.*SIGKILL.*\).*every finished run is safe.*started again/)
    expect(await inPage(`window.call('runs.list').then((runs) => runs.length)`)).toBe(1)
    expect(await inPage(`window.call('guests.list')`)).toEqual([])
  })

  test('one that crashes again and again stays off until the user wants it', async () => {
    for (let crash = 1; crash <= 3; crash++) {
      await app.connected(crash)
      process.kill(await pidOfService(), 'SIGKILL')
      await app.until(`window.statuses.filter(({ state }) => state === 'stopped').length === ${crash}`)
    }
    const last = await inPage<Status>('window.statuses.at(-1)')
    expect(last).toMatchObject({ state: 'stopped', restarting: false })
    expect(last.message).toMatch(/stays off.*Start Lab Service Again/)
    await app.electron.evaluate(({ Menu }) => {
      Menu.getApplicationMenu()?.getMenuItemById('service.restart')?.click()
    })
    await app.connected(4)
  })

  test('it steps back behind the window with all its threads', async () => {
    const pid = await pidOfService()
    const window = await app.electron.evaluate(() => process.pid)
    // What a vCPU runs on is started with the guest, and inherits.
    await inPage(`window.call('guests.create', { image: 'labos', host: 'xen' })`)
    const threads = process.platform === 'linux' ? readdirSync(`/proc/${pid}/task`).map(Number) : [pid]
    expect(threads.filter((thread) => getPriority(thread) <= getPriority(window))).toEqual([])
  })

  test('events reach the page', async () => {
    await inPage(`window.call('hosts.add', { name: 'third', kind: 'xen', port: 0 })`)
    await app.until(`window.events.some(({ event, payload }) => event === 'hosts.changed' && payload.name === 'third')`)
  })

  test('a reload leaves the lab as it is', async () => {
    await inPage(`window.call('hosts.add', { name: 'third', kind: 'xen', port: 0 })`)
    await app.page.reload()
    await app.connected()
    expect(await inPage(`window.call('hosts.list').then((hosts) => hosts.map(({ name }) => name))`)).toContain('third')
  })

  test('it ends with the app', async () => {
    const pid = await pidOfService()
    await app.electron.close()
    expect(isAlive(pid)).toBe(false)
    expect(await listEntries(join(app.folder, 'ferry'))).toEqual([])
  })

  test('one that cannot start says why, and is not tried again and again', async () => {
    const file = join(app.folder, 'a-file')
    writeFileSync(file, '')
    const other = await App.start(setting, { env: { FERRY_DATA: join(file, 'data') } })
    await expect
      .poll(() => other.page.evaluate<Status>('window.statuses.at(-1)'))
      .toMatchObject({
        state: 'stopped',
        restarting: false,
        message: expect.stringMatching(/could not start: .*a-file.* Finished runs are safe/) as string,
      })
    const refused = await other.page.evaluate('window.ferry.requestPort(crypto.randomUUID())')
    expect(refused).toMatchObject({ error: { code: 'shell.service' } })
    await other.close()
  })
})
