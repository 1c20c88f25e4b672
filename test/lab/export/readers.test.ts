/** CSV as other programs read it: numbers are numbers there, not texts, whatever their country. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { attemptsCsv, comparisonsCsv, groupsCsv } from '../../../engine/lab/experiments/csv.ts'
import { runsCsv, summaryCsv } from '../../../engine/lab/export/csv.ts'
import { resultsFrom } from '../experiments/sample-results.ts'
import { brokenReport, sampleReport } from '../store/samples.ts'
import { because, lacks, NEEDS } from '../../setup/needs.ts'

const folder = mkdtempSync(join(tmpdir(), 'ferry-readers-'))
afterAll(() => rmSync(folder, { recursive: true }))

const reports = [...Array.from({ length: 8 }, (_, i) => sampleReport(i)), brokenReport(8, 'failed')]

const found = resultsFrom(reports, { repeats: 5, factors: { algorithm: ['pre-copy', 'stop-and-copy'] } })
const FILES: Readonly<Record<string, string>> = {
  'runs.csv': runsCsv(reports),
  'run-summary.csv': summaryCsv(reports),
  'raw.csv': attemptsCsv(found, new Map(reports.map((report) => [report.run_id, report]))),
  'summary.csv': groupsCsv(found),
  'comparisons.csv': comparisonsCsv(found),
}
for (const [name, content] of Object.entries(FILES)) writeFileSync(join(folder, name), content)

/** Columns that hold figures, by their names, and not a date or an id. */
const FIGURE =
  '(_ms|_B|_MB|_n|_pages|^n_[ab]|^ratio_.*|^median_[ab]|^cliffs_delta|^pages_sent|^completed|^failed|^trial|^repeat)$'

const PYTHON = `
import csv, re, sys
figures = 0
for path in sys.argv[2:]:
    with open(path, newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        for row in reader:
            assert None not in row and None not in row.values(), path
            for name, value in row.items():
                if re.search(sys.argv[1], name) and value != '':
                    float(value)
                    figures += 1
print(figures)
`

const noPython = lacks(NEEDS.python)
describe.skipIf(noPython !== undefined)(`CSV in Python${because(noPython)}`, () => {
  it('has as many cells in every row, and numbers where figures are', () => {
    const paths = Object.keys(FILES).map((name) => join(folder, name))
    const { status, stdout, stderr } = spawnSync('python3', ['-c', PYTHON, FIGURE, ...paths], { encoding: 'utf8' })
    expect(status, stderr).toBe(0)
    expect(Number(stdout)).toBeGreaterThan(200)
  })
})

const noOffice = lacks(NEEDS.libreOffice)
describe.skipIf(noOffice !== undefined)(`CSV in LibreOffice${because(noOffice)}`, () => {
  it('opens with numbers in the cells of figures, not with texts', { timeout: 180_000 }, () => {
    const home = `-env:UserInstallation=file://${join(folder, 'office')}`
    // Separator comma, quotes, UTF-8, from line 1, and English, as its dialog proposes them for such a file.
    const filter = '--infilter=CSV:44,34,76,1,,1033,false,true'
    const paths = Object.keys(FILES).map((name) => join(folder, name))
    const args = [home, '--headless', filter, '--convert-to', 'fods', '--outdir', folder, ...paths]
    const { status, stderr } = spawnSync('soffice', args, { encoding: 'utf8', timeout: 170_000 })
    expect(status, stderr).toBe(0)
    for (const name of Object.keys(FILES)) {
      const sheet = rowsOf(readFileSync(join(folder, name.replace('.csv', '.fods')), 'utf8'))
      const [header = [], ...rows] = sheet
      const columns = header.flatMap(({ text }, i) => (new RegExp(FIGURE).test(text) ? [i] : []))
      expect(columns.length, name).toBeGreaterThan(3)
      for (const row of rows) {
        const texts = columns.filter((i) => row[i]?.type === 'string' && row[i].text !== '')
        expect(
          texts.map((i) => `${header[i]?.text}: ${row[i]?.text}`),
          name,
        ).toEqual([])
        expect(
          columns.some((i) => row[i]?.type === 'float'),
          name,
        ).toBe(true)
      }
    }
  })
})

interface Cell {
  readonly type: string
  readonly text: string
}

/** Cells of a flat OpenDocument sheet; repeated ones are written out. */
function rowsOf(xml: string): Cell[][] {
  return [...xml.matchAll(/<table:table-row\b[^>]*?(?:\/>|>(.*?)<\/table:table-row>)/gs)]
    .map(([, row = '']) =>
      [...row.matchAll(/<table:table-cell\b([^>]*?)(?:\/>|>(.*?)<\/table:table-cell>)/gs)].flatMap(
        ([, attributes = '', content = '']) => {
          const times = Number(/number-columns-repeated="(\d+)"/.exec(attributes)?.[1] ?? 1)
          const type = /office:value-type="(\w+)"/.exec(attributes)?.[1] ?? ''
          const text = content.replace(/<[^>]*>/g, '').trim()
          return Array.from({ length: Math.min(times, 500) }, () => ({ type, text }))
        },
      ),
    )
    .filter((row) => row.some(({ text }) => text !== ''))
}
