/** The view of experiments, in a real window on a real lab. */
import { spawn } from 'node:child_process'
import type { Locator } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { thisMachine } from '../../engine/lab/machine-identity.ts'
import { axe } from '../setup/axe.ts'
import { type LabWindow, noChromium, openWindow } from './window.ts'

interface Scrolled {
  readonly scrollWidth: number
  readonly clientWidth: number
}

describe.skipIf(noChromium !== null)(
  `the view of experiments${noChromium === null ? '' : ` (skipped: ${noChromium})`}`,
  () => {
    let lab: LabWindow
    beforeAll(async () => {
      lab = await openWindow()
    })
    afterAll(() => lab?.close())

    /** By how many pixels it scrolls sideways. */
    const tooWide = (region: Locator) =>
      region.evaluate(({ scrollWidth, clientWidth }: Scrolled) => scrollWidth - clientWidth)

    async function barriers(where: string): Promise<string[]> {
      const found: string[] = []
      for (const colorScheme of ['light', 'dark'] as const) {
        await lab.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        const { violations } = await axe(lab.page, colorScheme).analyze()
        found.push(...violations.map(({ id, nodes }) => `${colorScheme} ${where}: ${id} ${nodes[0]?.html}`))
        for (const [width, height] of [
          [1024, 700],
          [1440, 900],
        ] as const) {
          await lab.page.setViewportSize({ width, height })
          if (process.env['FERRY_LOOK'] !== undefined)
            await lab.page.screenshot({ path: `output/experiments-${where}-${colorScheme}-${width}.png` })
        }
      }
      return found
    }

    test('teaches when it is empty, puts a plan together, and shows what came of it', async () => {
      const { page } = lab
      await page.keyboard.press('Alt+4')
      await page.getByRole('heading', { name: 'No experiments yet' }).waitFor()
      expect(await barriers('empty')).toEqual([])

      await page.getByRole('button', { name: 'RAM scaling' }).click()
      await page.getByText('10 conditions, 110 trials').waitFor()
      await page.getByLabel(/^RAM, MiB/).fill('16 many')
      await page.getByText(/not valid at factors\.ram_MB\.1/).waitFor()
      expect(await page.getByRole('button', { name: 'Start experiment' }).isDisabled()).toBe(true)
      await page.getByLabel(/^RAM, MiB/).fill('16')
      await page.getByLabel('Repeats').fill('2')
      await page.getByLabel('Warm-up').fill('0')
      await page.getByLabel('Settling, ms').fill('0')
      await page.getByText('2 conditions, 4 trials').waitFor()
      expect(await barriers('plan')).toEqual([])

      await page.getByRole('spinbutton', { name: 'Shards in all' }).fill('3')
      await page.getByText(/There is no shard 1\/3: the plan has 2 repeats/).waitFor()
      await page.getByRole('spinbutton', { name: 'Shards in all' }).fill('1')
      await page.getByText('2 conditions, 4 trials').waitFor()

      await page.getByRole('button', { name: 'Start experiment' }).click()
      await page.getByRole('button', { name: 'Pause' }).click()
      await page.getByRole('button', { name: 'Resume' }).click({ timeout: 60_000 })
      await page.getByText('Completed', { exact: true }).waitFor({ timeout: 120_000 })
      await page.getByText('4 of 4 measured trials').waitFor()
      expect(await page.getByRole('region', { name: 'Comparisons' }).locator('tbody tr').count()).toBe(1)
      // Four figures, the parts of the downtime, the rounds, and what a client saw.
      const timeline = page.getByRole('figure', { name: /^Outage over time/ })
      await timeline.waitFor()
      expect(await page.getByRole('figure').count()).toBe(7)
      const condition = timeline.getByLabel('Condition of the outage over time')
      await condition.selectOption({ index: 1 })
      await page.getByRole('figure', { name: /^Outage over time: .*stop-and-copy/i }).waitFor()
      expect(await barriers('results')).toEqual([])
      // With names and figures as a plan of several factors, and slow migrations, make them.
      await page.setViewportSize({ width: 1024, height: 700 })
      const table = page.getByRole('region', { name: 'Figures by condition' })
      for (const [cells, text] of [
        ['th[scope=row]', 'xen-kvm · stop-and-copy · 64 MiB · dirty:2000,8,random · 100M,10ms'],
        ['small:last-child', 'IQR 10\u202f461 – 12\u202f345'],
      ] as const)
        for (const cell of await table.locator(cells).all())
          await cell.evaluate((element: { textContent: string }, to) => void (element.textContent = to), text)
      if (process.env['FERRY_LOOK'] !== undefined) await page.screenshot({ path: 'output/experiments-long-1024.png' })
      for (const name of ['Figures by condition', 'Comparisons'])
        expect(await tooWide(page.getByRole('region', { name })), name).toBe(0)
      for (const [way, title] of [
        ['Medians', 'Downtime: medians'],
        ['Distribution', 'Downtime: distribution'],
        ['Trial by trial', 'Downtime: trial by trial'],
      ] as const) {
        await page.getByText(way, { exact: true }).click()
        await page.getByRole('figure', { name: title }).waitFor()
      }

      await page.getByRole('button', { name: 'Merge files…' }).click()
      const chosen = { name: 'notes.sqlite', mimeType: '', buffer: Buffer.from('no measurements. '.repeat(20)) }
      await page.getByLabel('Open files…').setInputFiles([chosen])
      await page.getByText('notes.sqlite: refused').waitFor()
      await page.screenshot({ path: 'output/experiments-merge.png' })
      await page.getByRole('button', { name: 'Done' }).click()

      const files: string[] = []
      page.on('download', (download) => files.push(download.suggestedFilename()))
      await page.getByRole('button', { name: 'Summary' }).click()
      await expect.poll(() => files.length).toBe(2)
      expect(files[1]).toBe(`${files[0]}.meta.json`)
    }, 240_000)

    test('sees by itself that another process, which carried an experiment out, has ended', async () => {
      const { page, service } = lab
      const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
      onTestFinished(() => void other.kill('SIGKILL'))
      const [held] = await service.call('experiments.list', {})
      const { machine_id } = thisMachine()
      const owner = `${other.pid}/other@${machine_id}`
      service.lab.store.experiments.claim(held?.experiment_id ?? '', owner, Date.now(), () => false)
      await page.reload()
      await page.getByText('Connected').waitFor()
      await page.keyboard.press('Alt+4')
      await page.getByText('Carried out by another Ferry').first().waitFor()
      other.kill('SIGKILL')
      await page.getByText('Interrupted: its process ended').first().waitFor()
    })
  },
)
