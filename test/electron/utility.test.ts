/**
 * The service in Electron's utility process, where the port goes to it as such. The Electron of these tests may have too
 * old a Node for the lab, so a stand-in that answers every call takes its place; ports and lifecycle are the real ones.
 */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { App, here, type Setting } from './app.ts'

const place = await here()

describe.skipIf(place.reason !== undefined)(`a service in the utility process${place.because}`, () => {
  let setting: Setting
  let app: App
  beforeAll(async () => {
    setting = await place.setting()
    const stand_in = fileURLToPath(new URL('./stand-in-service.js', import.meta.url))
    app = await App.start(setting, { env: { FERRY_TEST_WAY: 'utility', FERRY_TEST_SERVICE: stand_in } })
    await app.connected()
  })
  afterAll(async () => {
    await app?.close()
    setting?.display.close()
  })

  test('answers over the port, and is restarted after a crash', async () => {
    expect(await app.page.evaluate(`window.call('guests.list')`)).toEqual([{ title: 'stand-in' }])
    await app.page.evaluate(`void window.call('crash')`)
    await app.connected(2)
    expect(await app.page.evaluate(`window.call('guests.list')`)).toEqual([{ title: 'stand-in' }])
    const stopped = await app.page.evaluate(`window.statuses.find(({ state }) => state === 'stopped').message`)
    expect(stopped).toMatch(/stopped unexpectedly \(exit code 7\)/)
  })
})
