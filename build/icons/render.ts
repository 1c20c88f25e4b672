/**
 * Renders icon.svg into icon.png, the picture from which electron-builder makes every format:
 * `node build/icons/render.ts CHROMIUM`. Only when the drawing has changed.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { chromium } from 'playwright-core'

const PIXELS = 1024
const [executablePath = '/usr/bin/chromium'] = process.argv.slice(2)
const read = (name: string) => readFile(new URL(name, import.meta.url), 'utf8')

const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
const page = await browser.newPage({ viewport: { width: PIXELS, height: PIXELS } })
await page.setContent(`<style>body { margin: 0; background: transparent }</style>${await read('icon.svg')}`)
await writeFile(new URL('icon.png', import.meta.url), await page.screenshot({ omitBackground: true }))
await browser.close()
