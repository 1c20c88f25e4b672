/** What packing would do for each system, without doing it: electron-builder's own check, targets, icons, binaries. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DebugLogger } from 'builder-util'
import { getConfig, validateConfiguration } from 'app-builder-lib/out/util/config/config.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PROJECT } from '../../build/compile.ts'
import { icns, ICNS_TYPES, ico, ICO_PIXELS } from '../../build/icons/formats.ts'

const ICONS = join(PROJECT, 'build', 'icons')
const config = await getConfig(PROJECT, 'build/electron-builder.yml', null)
const check = (changed: object = {}): Promise<void> =>
  validateConfiguration({ ...config, ...changed }, new DebugLogger(false))

describe('the configuration', () => {
  test('passes the check of electron-builder, for all systems', async () => {
    await expect(check()).resolves.toBeUndefined()
    // The check looks into each system's part.
    for (const system of ['win', 'mac', 'linux', 'nsis']) {
      await expect(check({ [system]: { noSuchOption: true } }), system).rejects.toThrow(`configuration.${system}`)
    }
  })

  test('has an installer for each system, and both processors of a Mac', () => {
    const targets = (target: unknown): string[] =>
      (target as (string | { target: string; arch: string[] })[]).flatMap((each) =>
        typeof each === 'string' ? [each] : each.arch.map((arch) => `${each.target} ${arch}`),
      )
    expect(targets(config.win?.target)).toEqual(expect.arrayContaining(['nsis x64', 'nsis arm64']))
    expect(targets(config.mac?.target)).toEqual(expect.arrayContaining(['dmg arm64', 'dmg x64']))
    expect(targets(config.linux?.target)).toEqual(expect.arrayContaining(['AppImage', 'deb']))
  })

  test('publishes nothing, and is not signed', () => {
    expect(config.publish).toBeNull()
    expect(config.mac?.identity).toBeNull()
    expect(config.electronFuses?.resetAdHocDarwinSignature).toBe(true)
  })

  test('ships SQLite for each system and processor that it packs for', () => {
    const binaries = readdirSync(join(PROJECT, 'node_modules/better-sqlite3/prebuilds'))
    for (const name of ['win32-x64', 'win32-arm64', 'darwin-x64', 'darwin-arm64', 'linux-x64']) {
      expect(binaries).toContain(`${name}.node`)
    }
  })
})

/** Width of a PNG, from its header. */
const widthOf = (png: Buffer): number => {
  expect(png.toString('latin1', 1, 4)).toBe('PNG')
  return png.readUInt32BE(16)
}

/** Entries of an ICO: what the directory says, and the picture. */
function readIco(file: Buffer) {
  return Array.from({ length: file.readUInt16LE(4) }, (_, i) => {
    const at = 6 + 16 * i
    const offset = file.readUInt32LE(at + 12)
    return { pixels: file.readUInt8(at) || 256, png: file.subarray(offset, offset + file.readUInt32LE(at + 8)) }
  })
}

/** Entries of an ICNS: type and picture. */
function readIcns(file: Buffer) {
  expect(file.toString('latin1', 0, 4)).toBe('icns')
  expect(file.readUInt32BE(4)).toBe(file.length)
  const entries: { type: string; png: Buffer }[] = []
  for (let at = 8; at < file.length; at += file.readUInt32BE(at + 4)) {
    entries.push({
      type: file.toString('latin1', at, at + 4),
      png: file.subarray(at + 8, at + file.readUInt32BE(at + 4)),
    })
  }
  return entries
}

describe('the icon', () => {
  test('of Windows has every size', () => {
    const entries = readIco(readFileSync(join(ICONS, config.win?.icon ?? '')))
    expect(entries.map(({ pixels }) => pixels)).toEqual(ICO_PIXELS)
    expect(entries.map(({ png }) => widthOf(png))).toEqual(ICO_PIXELS)
  })

  test('of macOS has every size', () => {
    const entries = readIcns(readFileSync(join(ICONS, config.mac?.icon ?? '')))
    expect(Object.fromEntries(entries.map(({ type, png }) => [type, widthOf(png)]))).toEqual(ICNS_TYPES)
  })

  test('of Linux is there by size', () => {
    const folder = join(ICONS, config.linux?.icon ?? '')
    for (const pixels of [16, 32, 48, 256, 512]) {
      const file = join(folder, `${pixels}x${pixels}.png`)
      expect(existsSync(file) && widthOf(readFileSync(file))).toBe(pixels)
    }
  })

  test('containers give back the pictures put in', () => {
    const bytes = fc.uint8Array({ maxLength: 50 })
    fc.assert(
      fc.property(fc.array(fc.record({ pixels: fc.integer({ min: 1, max: 256 }), png: bytes })), (pictures) => {
        expect(readIco(ico(pictures)).map(({ pixels, png }) => ({ pixels, png: new Uint8Array(png) }))).toEqual(
          pictures,
        )
      }),
    )
    expect(() => icns([])).toThrow(/needs a picture of 16 pixels/)
  })
})
