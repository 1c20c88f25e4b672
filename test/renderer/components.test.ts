/** Tables, charts and marks as they are on the page. */
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { RunReport } from '../../engine/contract/report.ts'
import { boxesByCondition, partsByCondition } from '../../renderer/src/charts/models/by-condition.ts'
import { count, fixed, plural } from '../../renderer/src/data/format.ts'
import { brokenReport, sampleReport } from '../lab/store/samples.ts'
import { axe } from '../setup/axe.ts'
import { type BenchPage, openBench } from './bench.ts'
import { noChromium } from './window.ts'

declare const bench: BenchPage

/** A row of a table, as the page has it. */
interface Row {
  readonly children: Iterable<{ readonly textContent: string }>
}

const RUNS = 10_000
const COMPONENTS = {
  MeasurementsView: 'views/measurements/MeasurementsView.svelte',
  ChartFigure: 'charts/ChartFigure.svelte',
  StateBadge: 'views/lab/StateBadge.svelte',
}

/** Every tenth run failed, every hundredth was cancelled; half go back. Downtimes are all different. */
function report(i: number): RunReport {
  const back: Partial<RunReport> = i % 2 === 0 ? {} : { from_kind: 'kvm', to_kind: 'xen', from: 'kvm-1', to: 'xen-1' }
  const facts = { ...back, rounds: [], stages: [] }
  if (i % 100 === 5) return brokenReport(i, 'cancelled', facts)
  return i % 10 === 5
    ? brokenReport(i, 'failed', facts)
    : sampleReport(i, { ...facts, downtime_ms: (i * 7919) % 10_007 })
}

describe.skipIf(noChromium !== null)(`on the page${noChromium === null ? '' : ` (skipped: ${noChromium})`}`, () => {
  const runs = Array.from({ length: RUNS }, (_, i) => report(i))
  const newest = runs.toSorted((a, b) => Date.parse(b.started_at) - Date.parse(a.started_at))
  let page: Page
  let close: () => Promise<void>
  beforeAll(async () => {
    ;({ page, close } = await openBench(COMPONENTS, runs))
  })
  afterAll(() => close?.())

  const cells = (column: number) => page.locator(`tbody tr[aria-rowindex] td:nth-child(${column})`)
  const rowAt = (index: number) => page.locator(`tr[aria-rowindex="${index + 2}"]`)
  const header = (name: RegExp) => page.getByRole('columnheader', { name })

  describe('the table of 10,000 runs', () => {
    beforeEach(async () => {
      await page.evaluate(async () => {
        const all = (await bench.fixture()) as { run_id: string }[]
        const api = {
          state: 'open',
          on: () => () => undefined,
          onState: () => () => undefined,
          call: (method: string, input: { limit?: number; offset?: number }) =>
            method === 'runs.list'
              ? Promise.resolve(all.slice(input.offset, (input.offset ?? 0) + (input.limit ?? 0)))
              : Promise.reject(new Error(method)),
        }
        bench.show('MeasurementsView', { api })
      })
      await page.getByText(plural(RUNS, 'run')).last().waitFor()
    })

    test('has only the rows in sight in the page, and says how many there are', async () => {
      const inPage = await page.locator('tbody tr[aria-rowindex]').count()
      expect(inPage).toBeGreaterThan(10)
      expect(inPage).toBeLessThan(80)
      expect(await page.getByRole('grid').getAttribute('aria-rowcount')).toBe(String(RUNS + 1))
    })

    test('scrolls to its very end and back', async () => {
      const grid = page.getByRole('grid')
      await grid.focus()
      await page.keyboard.press('End')
      await rowAt(RUNS - 1).waitFor()
      expect(await grid.getAttribute('aria-activedescendant')).toBe(await rowAt(RUNS - 1).getAttribute('id'))
      const [row, box] = await Promise.all([rowAt(RUNS - 1).boundingBox(), grid.locator('..').boundingBox()])
      expect((row?.y ?? 0) + (row?.height ?? 0)).toBeLessThanOrEqual((box?.y ?? 0) + (box?.height ?? 0) + 1)
      expect(await page.locator('tbody tr[aria-rowindex]').count()).toBeLessThan(80)
      await page.keyboard.press('Home')
      await rowAt(0).waitFor()
    })

    test('is sorted by a click and by the keyboard, and says so to screen readers', async () => {
      const downtimes = runs.flatMap(({ downtime_ms }) => downtime_ms ?? []).sort((a, b) => b - a)
      const column = header(/^Downtime/)
      expect(await header(/^Started/).getAttribute('aria-sort')).toBe('descending')
      await column.getByRole('button').click()
      expect(await column.getAttribute('aria-sort')).toBe('descending')
      expect(await header(/^Started/).getAttribute('aria-sort')).toBeNull()
      expect(await cells(5).first().textContent()).toContain(fixed(downtimes[0], 2))
      await column.getByRole('button').focus()
      await page.keyboard.press('Enter')
      expect(await column.getAttribute('aria-sort')).toBe('ascending')
      expect(await cells(5).first().textContent()).toContain(fixed(downtimes.at(-1) ?? null, 2))
    })

    test('selects a run by a click and by Enter, and keeps it when the order changes', async () => {
      await rowAt(3).click()
      expect(await rowAt(3).getAttribute('aria-selected')).toBe('true')
      const details = page.getByRole('complementary', { name: 'Details of the run' })
      expect(await details.textContent()).toContain(newest[3]?.run_id)
      await page.getByRole('grid').focus()
      await page.keyboard.press('ArrowDown')
      await page.keyboard.press('Enter')
      expect(await details.textContent()).toContain(newest[4]?.run_id)
      await header(/^Started/)
        .getByRole('button')
        .click()
      expect(await header(/^Started/).getAttribute('aria-sort')).toBe('ascending')
      expect(await details.textContent()).toContain(newest[4]?.run_id)
    })

    test('shows what the filters select, counts every outcome, and clears them', async () => {
      const of = (outcome: string) => runs.filter((run) => run.outcome === outcome).length
      const outcomes = page.getByRole('group', { name: 'Outcome' })
      for (const outcome of ['completed', 'failed', 'cancelled'])
        expect(await outcomes.getByRole('button', { name: outcome }).textContent()).toContain(count(of(outcome)))
      await outcomes.getByRole('button', { name: 'cancelled' }).click()
      expect(await page.getByRole('grid').getAttribute('aria-rowcount')).toBe(String(of('cancelled') + 1))
      expect(new Set(await cells(2).allTextContents())).toEqual(new Set(['⊘cancelled']))
      await page.getByRole('searchbox').fill('no run has these words')
      await page.getByText(`None of the ${plural(RUNS, 'run')} fits`).waitFor()
      await page.getByRole('button', { name: 'Clear filters' }).first().click()
      expect(await page.getByRole('grid').getAttribute('aria-rowcount')).toBe(String(RUNS + 1))
    })

    test('is found free of barriers, light and dark', async () => {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        // Landmarks are the window's.
        const { violations } = await axe(page, colorScheme).disableRules(['region', 'landmark-one-main']).analyze()
        expect(violations.map(({ id, nodes }) => `${colorScheme}: ${id} ${nodes[0]?.html}`)).toEqual([])
      }
    })
  })

  describe('a chart', () => {
    const few = runs.slice(0, 200)
    const model = boxesByCondition(few, 'downtime_ms', 'linear')
    if (model === null) throw new Error('nothing to draw')
    const show = (shown: object) =>
      page.evaluate((given) => bench.show('ChartFigure', { model: given, height: 300 }), shown)

    test('has its title, its caption with n, and its result in words', async () => {
      await show(model)
      const figure = page.getByRole('figure', { name: model.title })
      await figure.waitFor()
      expect(await figure.getByRole('img').getAttribute('aria-label')).toBe(model.summary)
      expect(await figure.textContent()).toContain('n = 180 completed runs')
      expect(model.summary).toContain('n = 100.')
    })

    test('draws the very figures that its table has', async () => {
      await show(model)
      const drawn = (await page.evaluate(() => bench.drawn())) as (Record<string, number> | null)[][]
      const figures = drawn[0]?.map((box) =>
        ['median', 'q1', 'q3', 'min', 'max'].map((key) => fixed(box?.[key] ?? null, 2)),
      )
      await page.getByRole('button', { name: 'Table', exact: true }).click()
      const rows = page.getByRole('region', { name: /as a table/ }).locator('tbody tr')
      const table = await rows.evaluateAll((all: Row[]) =>
        all.map((row) => [...row.children].map((cell) => cell.textContent)),
      )
      expect(table.map((row) => row.slice(3))).toEqual(figures)
      expect(table).toHaveLength(2)
    })

    test('stacks the parts of the downtime that its table has', async () => {
      const parts = partsByCondition(few, false)
      if (parts === null) throw new Error('nothing to draw')
      await show(parts)
      const drawn = (await page.evaluate(() => bench.drawn())) as number[][]
      expect(drawn.map((values) => fixed(values[0] ?? null, 2))).toEqual(parts.table.rows[0]?.slice(2, -1))
    })

    test('goes back from its table to the drawing, and tells which is shown', async () => {
      await show(model)
      const toggle = page.getByRole('button', { name: 'Table', exact: true })
      expect(await toggle.getAttribute('aria-pressed')).toBe('false')
      await toggle.press('Enter')
      expect([await toggle.getAttribute('aria-pressed'), await page.locator('canvas').count()]).toEqual(['true', 0])
      await toggle.press('Enter')
      expect(await page.locator('canvas').count()).toBe(1)
    })

    test('is saved as SVG with title, caption and the colours of the theme, and as a PNG that is not empty', async () => {
      const saved = async (kind: string) => {
        const waiting = page.waitForEvent('download')
        await page.getByRole('button', { name: `Save “${model.title}” as ${kind}` }).click()
        return readFileSync(await (await waiting).path())
      }
      const grounds: (string | undefined)[] = []
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        await show(model)
        const svg = (await saved('SVG')).toString('utf8')
        expect(svg).toContain(model.title)
        expect(svg).toContain('n = 180 completed runs')
        expect(svg).not.toMatch(/light-dark|var\(/)
        grounds.push(/<rect[^>]*fill="(rgb\([^"]+\))"/.exec(svg)?.[1])
        for (const scale of [1, 2, 3]) {
          await page.getByLabel('Size of the PNG').selectOption(`${scale}×`)
          const png = await saved('PNG')
          expect(png.subarray(1, 4).toString('latin1')).toBe('PNG')
          // IHDR (PNG, 11.2.2): width and height, big endian.
          expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([800 * scale, 460 * scale])
          expect(png.length).toBeGreaterThan(5000)
        }
      }
      expect(grounds).toEqual(['rgb(255, 255, 255)', 'rgb(24, 33, 41)'])
    })
  })

  test('a guest’s state is a word and a sign, not a colour alone', async () => {
    const signs = new Set<string>()
    for (const state of ['starting', 'running', 'paused', 'migrating', 'crashed']) {
      await page.evaluate((given) => bench.show('StateBadge', { state: given }), state)
      expect((await page.locator('#app').textContent())?.trim()).toBe(state)
      signs.add((await page.locator('#app svg').innerHTML()).replaceAll(/\s+/g, ' '))
    }
    expect(signs.size).toBe(5)
  })
})
