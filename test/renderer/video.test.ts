/** A stretch of a recording becomes a video, in the real window: whole, of the length that was asked for, and not blank. */
import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SAMPLE } from '../replay/sample.ts'
import { axe } from '../setup/axe.ts'
import { readWebM } from '../video/webm.ts'
import { type LabWindow, noChromium, openWindow } from './window.ts'

/** What a player decodes of a video: how long, how large, and how many colours the frame at a time has. */
interface Decoded {
  readonly duration_s: number
  readonly width: number
  readonly height: number
  readonly colours: number
}

describe.skipIf(noChromium !== null)(`video${noChromium === null ? '' : ` (skipped: ${noChromium})`}`, () => {
  let lab: LabWindow
  let page: Page
  beforeAll(async () => {
    lab = await openWindow({ reducedMotion: 'reduce', acceptDownloads: true })
    page = lab.page
    await page.keyboard.press('Alt+5')
    await page.getByLabel('Recording to open').setInputFiles(SAMPLE)
    await time().waitFor()
  })
  afterAll(() => lab?.close())

  const time = () => page.getByRole('slider', { name: 'Time' })
  const pane = () => page.getByRole('complementary', { name: 'Video' })
  const make = () => pane().getByRole('button', { name: /^Make a WebM file/ })
  const press = async (key: string) => {
    await time().focus()
    await page.keyboard.press(key)
  }

  async function made(): Promise<{ name: string; bytes: Uint8Array<ArrayBuffer> }> {
    const downloading = page.waitForEvent('download', { timeout: 60_000 })
    await make().press('Enter')
    const download = await downloading
    return { name: download.suggestedFilename(), bytes: new Uint8Array(await readFile(await download.path())) }
  }

  /** As a page that knows nothing of how it was made plays it. */
  const decoded = (bytes: Uint8Array, at_s: number): Promise<Decoded> =>
    page.evaluate<Decoded, { base64: string; at_s: number }>(
      async ({ base64, at_s }) => {
        const { document, URL } = globalThis as never as {
          document: { createElement(name: string): never }
          URL: { createObjectURL(blob: Blob): string }
        }
        const data = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
        const video: {
          src: string
          currentTime: number
          duration: number
          videoWidth: number
          videoHeight: number
          onseeked: () => void
          onerror: () => void
        } = document.createElement('video')
        await new Promise<void>((resolve, reject) => {
          video.onseeked = resolve
          video.onerror = () => reject(new Error('It cannot be played.'))
          video.src = URL.createObjectURL(new Blob([data], { type: 'video/webm' }))
          video.currentTime = at_s
        })
        const canvas: { width: number; height: number; getContext(kind: '2d'): never } =
          document.createElement('canvas')
        canvas.width = video.videoWidth
        canvas.height = video.videoHeight
        const context: {
          drawImage(of: unknown, x: number, y: number): void
          getImageData(x: number, y: number, w: number, h: number): { data: Uint8ClampedArray }
        } = canvas.getContext('2d')
        context.drawImage(video, 0, 0)
        const { data: pixels } = context.getImageData(0, 0, canvas.width, canvas.height)
        const colours = new Set<number>()
        for (let i = 0; i < pixels.length; i += 4) {
          colours.add(((pixels[i] ?? 0) << 16) | ((pixels[i + 1] ?? 0) << 8) | (pixels[i + 2] ?? 0))
        }
        return {
          duration_s: video.duration,
          width: video.videoWidth,
          height: video.videoHeight,
          colours: colours.size,
        }
      },
      { base64: Buffer.from(bytes).toString('base64'), at_s },
    )

  test('of what lies between two marks, set by keys, has every frame and can be seen', async () => {
    await press('Home')
    for (const _ of [1, 2]) await press('ArrowRight')
    await press('o')
    await press('ArrowLeft')
    for (const _ of [1, 2, 3]) await press('.')
    await press('i')
    const marks = await pane().getByTitle('Go there').allTextContents()
    const seconds = (text: string | undefined) => Number(/(\d+):(\d+\.\d)/.exec(text ?? '')?.[2])
    await pane().getByLabel('Frames a second').selectOption('15')
    const asked_s = seconds(marks[1]) - seconds(marks[0])
    expect(asked_s).toBeGreaterThan(2)
    const { name, bytes } = await made()
    expect(name).toMatch(/^labos-crossings \d+\.\ds-\d+\.\ds\.webm$/)
    const file = readWebM(bytes)
    expect(file).toMatchObject({ docType: 'webm', tracks: [{ width: 1280, height: 720 }] })
    expect(file.tracks[0]?.codec).toMatch(/^V_VP[89]$/)
    const frames = file.tracks[0]?.frames_ms ?? []
    // Marks are shown in tenths of a second.
    expect(Math.abs(frames.length - asked_s * 15)).toBeLessThan(4)
    expect(file.duration_ms).toBeCloseTo((frames.length * 1000) / 15, -1)
    frames.forEach((ms, i) => expect(Math.abs(ms - (i * 1000) / 15)).toBeLessThanOrEqual(1))
    const seen = await decoded(bytes, asked_s / 2)
    expect(seen).toMatchObject({ width: 1280, height: 720 })
    expect(seen.duration_s).toBeCloseTo(file.duration_ms / 1000, 1)
    // A sheet with words on it has hundreds; a blank one has one.
    expect(seen.colours).toBeGreaterThan(100)
    await pane()
      .getByText(/^Saved as labos-crossings/)
      .waitFor()
  })

  test('of a chapter is as long as its migration, in the larger size, too', async () => {
    await pane().getByLabel('Range').selectOption({ index: 2 })
    await pane().getByLabel('Size').selectOption('1080')
    const { bytes } = await made()
    const file = readWebM(bytes)
    expect(file.tracks).toMatchObject([{ width: 1920, height: 1080 }])
    const option = await pane().getByLabel('Range').locator('option:checked').textContent()
    const lasts_s = Number(/0:(\d+\.\d)$/.exec(option ?? '')?.[1])
    expect(Math.abs((file.tracks[0]?.frames_ms.length ?? 0) - lasts_s * 15)).toBeLessThan(3)
    expect((await decoded(bytes, 1)).colours).toBeGreaterThan(100)
  })

  test('that is cancelled leaves nothing, and another one can be made', async () => {
    await pane().getByLabel('Range').selectOption({ index: 0 })
    let downloads = 0
    page.on('download', () => downloads++)
    await make().click()
    await pane().getByRole('meter', { name: 'How far the video is' }).waitFor()
    expect(await pane().getByLabel('Size').isDisabled()).toBe(true)
    await pane().getByRole('button', { name: 'Cancel' }).click()
    await make().waitFor()
    expect(await pane().getByRole('alert').count()).toBe(0)
    expect(downloads).toBe(0)
    await pane().getByLabel('Range').selectOption({ index: 3 })
    await pane().getByLabel('Size').selectOption('720')
    expect(readWebM((await made()).bytes).tracks[0]?.frames_ms.length).toBeGreaterThan(10)
  })

  test('is refused by name where the browser has no encoder', async () => {
    await page.evaluate('globalThis.VideoEncoder = undefined')
    await pane().getByLabel('Size').selectOption('1080')
    await pane().getByText('This browser has no encoder for VP9 or VP8 video').waitFor()
    expect(await make().isDisabled()).toBe(true)
  })

  test('is asked for without barriers, in both themes', async () => {
    await pane().getByLabel('Range').selectOption({ index: 1 })
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      const { violations } = await axe(page, colorScheme).exclude('.xterm').analyze()
      expect(violations.map(({ id, nodes }) => `${id} ${nodes[0]?.html}`)).toEqual([])
    }
  })
})
