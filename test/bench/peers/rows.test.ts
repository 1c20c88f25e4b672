import { describe, expect, it } from 'vitest'
import { merged } from './observer.ts'
import { peerOptions } from './options.ts'
import { casesOf, type Selection, steps } from './plan.ts'
import { differingPages } from './ram.ts'
import { csvHeader, csvLine, parseCsv } from './row.ts'
import { qemuRow, sampleRow } from './samples.ts'

describe('rows as CSV', () => {
  const rows = [
    sampleRow({}, { pause_run_ms: 2.5, bytes_B: 3e7, guest_check: 'ok' }),
    qemuRow({ kind: 'compared' }, { outcome: 'lost', wrong_pages: 3, note: 'a "quoted", torn\r\nline' }),
  ]
  const file = csvHeader() + rows.map(csvLine).join('')

  it('are read as they were written, whatever a note says', () => {
    expect(parseCsv(file)).toEqual(rows)
    expect(rows[1].note).toBe('a quoted torn line')
  })

  it('lose only the line that was being written when the bench was ended', () => {
    expect(parseCsv(file.slice(0, -10))).toEqual([rows[0]])
  })

  it.each([
    ['', 'no header'],
    [`a,b\n1,2\n`, 'another file'],
    [`${csvHeader()}1,2\n`, 'a short line'],
    [file.replace('completed', 'splendid'), 'an unknown outcome'],
    [file.replace('2.5', 'two'), 'no number'],
  ])('are refused where the file is damaged: %#', (text) => {
    expect(() => parseCsv(text)).toThrow(expect.objectContaining({ code: 'bench.csv' }))
  })
})

describe('the plan', () => {
  const selection: Selection = {
    peers: ['ferry', 'qemu', 'v86'],
    ram: [64, 128],
    loads: ['idle', 'game'],
    links: ['unlimited', '1G'],
    pairs: ['heterogeneous', 'homogeneous'],
    algorithms: { ferry: ['pre-copy', 'stop-and-copy'], qemu: ['pre-copy'], v86: ['save-restore'] },
    n: 3,
    compare: 2,
  }

  it('has every case of a selection once', () => {
    const keys = casesOf(selection).map((of) => JSON.stringify(of))
    expect(new Set(keys).size).toBe(keys.length)
    expect(keys.length).toBe(2 * 2 * 2 * 2 * 2 + 2 * 2 * 2 + 2)
  })

  it('makes each case as often as asked, in every round once, after one warm-up of each algorithm', () => {
    const plan = steps(selection, 1)
    const of = (kind: string) => plan.filter((step) => step.of.kind === kind)
    expect(plan.slice(0, 4).every((step) => step.of.kind === 'warm-up')).toBe(true)
    expect(of('warm-up').length).toBe(4)
    const cases = casesOf(selection)
    expect(of('timed').length).toBe(3 * cases.length)
    expect(of('compared').length).toBe(2 * cases.filter(({ load }) => load === 'idle').length)
    for (const round of [0, 1, 2]) {
      const keys = of('timed').flatMap((step) => (step.round === round ? [JSON.stringify(step.of)] : []))
      expect(new Set(keys).size).toBe(cases.length)
    }
  })

  it('is empty where nothing is to be measured', () => {
    expect(steps({ ...selection, n: 0, compare: 0 }, 1)).toEqual([])
  })

  it('has the same order for the same seed, and others for others', () => {
    expect(steps(selection, 1)).toEqual(steps(selection, 1))
    expect(steps(selection, 1)).not.toEqual(steps(selection, 2))
  })
})

describe('options', () => {
  it('select what they name', () => {
    const options = peerOptions(['--n', '2', '--ram', '64,72', '--loads', 'dirty', '--peers', 'qemu', '--links', '1G'])
    expect(options).toMatchObject({ n: 2, ram: [64, 72], loads: ['dirty'], peers: ['qemu'], links: ['1G'] })
    expect(options.algorithms).toBeNull()
  })

  it.each([
    ['--n', '-1'],
    ['--n', 'x'],
    ['--ram', '32'],
    ['--loads', 'sleep'],
    ['--peers', 'xen'],
    ['--links', 'fast'],
    ['--x'],
  ])('refuse %s %s with what may be given', (...args) => {
    expect(() => peerOptions(args)).toThrow(expect.objectContaining({ name: 'FerryError' }))
  })
})

describe('what is measured', () => {
  it('counts pages that differ, but none of video memory and firmware', () => {
    const a = new Uint8Array(2 ** 20 + 8192)
    const b = a.slice()
    for (const place of [0, 4095, 0x9ffff, 0xa0000, 0xfffff, 0x100000]) b[place] = 1
    expect(differingPages(a, b, 0)).toBe(3)
    expect(differingPages(a.subarray(0, 4096), b.subarray(0, 4096), 0xb8000)).toBe(0)
  })

  it('sees several clients as one who asks more often', () => {
    const client = (sent: number[], answered: number[]) => ({
      ...({ kind: 'udp', ip: '', intervalMs: 50, duplicates: 0, refused: 0, skipped: 0 } as const),
      sentAtMs: Float64Array.from(sent),
      answeredAtMs: Float64Array.from(answered),
    })
    const both = merged([client([0, 50], [2, NaN]), client([25, 75], [26, 77])])
    expect(both.intervalMs).toBe(25)
    expect([...both.sentAtMs]).toEqual([0, 25, 50, 75])
    expect([...both.answeredAtMs]).toEqual([2, 26, NaN, 77])
  })
})
