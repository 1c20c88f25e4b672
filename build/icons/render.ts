/**
 * Renders icon.svg in the formats that the systems want: `node build/icons/render.ts CHROMIUM`. Only when the drawing has
 * changed; what it writes is kept with the sources.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { chromium } from 'playwright-core'
import { icns, ICNS_TYPES, ico, ICO_PIXELS, type Picture } from './formats.ts'

/** Linux: the hicolor theme's sizes. */
const LINUX_PIXELS = [16, 32, 48, 64, 128, 256, 512]
const [executablePath = '/usr/bin/chromium'] = process.argv.slice(2)
const at = (name: string): URL => new URL(name, import.meta.url)

const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
const page = await browser.newPage()
const svg = await readFile(at('icon.svg'), 'utf8')
await page.setContent(
  `<style>body { margin: 0; background: transparent } svg { display: block; width: 100vw; height: 100vh }</style>${svg}`,
)
const pictures: Picture[] = []
for (const pixels of new Set([...ICO_PIXELS, ...Object.values(ICNS_TYPES), ...LINUX_PIXELS])) {
  await page.setViewportSize({ width: pixels, height: pixels })
  pictures.push({ pixels, png: await page.screenshot({ omitBackground: true }) })
}
await browser.close()

const of = (sizes: readonly number[]): Picture[] => pictures.filter(({ pixels }) => sizes.includes(pixels))
await writeFile(at('icon.ico'), ico(of(ICO_PIXELS)))
await writeFile(at('icon.icns'), icns(pictures))
await mkdir(at('linux'), { recursive: true })
for (const { pixels, png } of of(LINUX_PIXELS)) await writeFile(at(`linux/${pixels}x${pixels}.png`), png)
