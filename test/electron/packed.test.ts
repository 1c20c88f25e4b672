/** The packed app: it starts, with the fuses of a release, and a guest crosses in it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { FuseState, FuseV1Options, getCurrentFuseWire } from '@electron/fuses'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ControlClient, runningLabs } from '../../engine/lab/control-client.ts'
import { because } from '../setup/needs.ts'
import { environment, here, newFolder, type Setting } from './app.ts'
import { attach, debuggingAddress } from './devtools.ts'

const place = await here()
const reason = process.platform === 'linux' ? place.reason : 'it is tried out on Linux only'
const PROGRAM = 'output/dist/linux-unpacked/ferry'

describe.skipIf(reason !== undefined)(`the packed app${because(reason)}`, () => {
  let setting: Setting
  const folder = newFolder()
  let app: ChildProcess
  let browser: Browser
  let page: Page
  let lab: ControlClient

  beforeAll(async () => {
    setting = await place.setting()
    const packing = spawnSync(process.execPath, ['build/dist.ts', '--dir'], { encoding: 'utf8' })
    expect(packing.status, packing.stdout + packing.stderr).toBe(0)
    const { FERRY_NODE: _, ...env } = environment(setting.display, folder)
    app = spawn(
      PROGRAM,
      [
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        `--user-data-dir=${join(folder, 'config')}`,
        '--remote-debugging-port=0',
      ],
      { env, stdio: ['ignore', 'ignore', 'pipe'] },
    )
    ;({ browser, page } = await attach(await debuggingAddress(app)))
    await page.getByText('xen').first().waitFor({ timeout: 60_000 })
    ;[lab] = await runningLabs(join(folder, 'ferry'))
  }, 240_000)

  afterAll(async () => {
    lab?.close()
    await browser?.close()
    const closed = app && new Promise((resolve) => app.on('close', resolve))
    app?.kill()
    await closed
    setting?.display.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('a guest crosses in it, and the window shows it', async () => {
    const { id, name } = await lab.call('guests.create', { image: 'labos', host: 'xen' })
    const { run_id } = await lab.call('migrations.start', { guest: id, to: 'kvm', verify_ram: true })
    expect(await lab.call('migrations.wait', { run_id })).toMatchObject({ outcome: 'completed' })
    await page.getByText(name).first().waitFor()
    mkdirSync('output/electron', { recursive: true })
    await page.screenshot({ path: 'output/electron/packed.png' })
    await lab.call('guests.destroy', { guest: id })
  })

  test('its fuses are those of a release', async () => {
    const wire = await getCurrentFuseWire(PROGRAM)
    const on = (fuse: FuseV1Options): boolean => wire[fuse] === FuseState.ENABLE
    expect({
      runAsNode: on(FuseV1Options.RunAsNode),
      nodeOptions: on(FuseV1Options.EnableNodeOptionsEnvironmentVariable),
      inspect: on(FuseV1Options.EnableNodeCliInspectArguments),
      asarIntegrity: on(FuseV1Options.EnableEmbeddedAsarIntegrityValidation),
      onlyAsar: on(FuseV1Options.OnlyLoadAppFromAsar),
      fileProtocol: on(FuseV1Options.GrantFileProtocolExtraPrivileges),
      cookieEncryption: on(FuseV1Options.EnableCookieEncryption),
    }).toEqual({
      runAsNode: false,
      nodeOptions: false,
      inspect: false,
      asarIntegrity: true,
      onlyAsar: true,
      fileProtocol: false,
      cookieEncryption: true,
    })
  })

  test('what the lab service runs is unpacked, the page is not', () => {
    const unpacked = 'output/dist/linux-unpacked/resources/app.asar.unpacked'
    for (const path of [
      'dist-electron/electron/service-host.js',
      'dist-electron/images/labos/labos.elf',
      'node_modules/v86/build/v86.wasm',
      'node_modules/better-sqlite3/prebuilds',
    ]) {
      expect(existsSync(join(unpacked, path)), path).toBe(true)
    }
    expect(existsSync(join(unpacked, 'renderer'))).toBe(false)
    expect(existsSync('output/dist/linux-unpacked/resources/app')).toBe(false)
  })
})
