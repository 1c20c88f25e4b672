/** A student's report: whatever they wrote is in it, shows as text, and is read back; foreign files are refused. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { reportPage } from '../../engine/guide/report-page.ts'
import {
  type ReportContent,
  type ReportedRun,
  lineOf,
  readReport,
  reportOf,
  reportFile,
} from '../../engine/guide/report.ts'
import { reportsCsv } from '../../engine/lab/guide/report-table.ts'
import { FerryError } from '../../engine/util/errors.ts'

const RUN: ReportedRun = {
  ...{
    run_id: 'r1',
    started_at: '2026-01-01T00:00:00.000Z',
    outcome: 'completed',
    guest: 'labos',
    ram_B: 16 * 2 ** 20,
  },
  ...{ workload: 'dirty:500', from: 'xen', to: 'kvm', from_kind: 'xen', to_kind: 'kvm', algorithm: 'pre-copy' },
  ...{ link: '1G', downtime_ms: 4.25, outage_ms: null, total_ms: 300, bytes_sent_B: 1e7, pages_sent: 4096 },
  ...{ pages_retransmitted: 7, guest_check: 'ok' },
}

function reportWith(student: string, answer: string, runs: ReportedRun[] = [RUN]) {
  const content: ReportContent = {
    ...{ student, made_at: '2026-01-02T00:00:00.000Z', runs },
    origins: [{ cpu_model: 'a <fast> processor', cores: 2, app_version: '0.1.0', v86_version: '0.5.0' }],
    exercises: [
      {
        ...{ id: 'one', title: 'One', goal: 'See.', started_at: '2026-01-01T00:00:00.000Z', runs: ['r1'] },
        checks: [
          { id: 'a', title: 'A', passed_at: '2026-01-01T00:01:00.000Z', found: '1 run' },
          { id: 'b', title: 'B', passed_at: null, found: '' },
        ],
        questions: [
          { id: 'q', title: 'Why does `xm <list>` say so?', answer },
          { id: 'r', title: 'And?', answer: ' ' },
        ],
      },
    ],
  }
  return reportOf(content)
}

test('a page is read back as it was made, whatever a student has written, and none of that becomes a part of the page', () => {
  const nasty = fc.constantFrom('</script><script>alert(1)</script>', '<!--', '"><img src=x onerror=a()>', ' &lt; $& é')
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.array(fc.oneof(nasty, fc.string())),
      (name, parts) => {
        const report = reportWith(name.slice(0, 60), parts.join('').slice(0, 20_000))
        const page = reportPage(report)
        expect(readReport(page, 'a.html')).toEqual(report)
        expect(page).toContain('Why does <code>xm &lt;list&gt;</code> say so?')
        expect(page.match(/<script/g)).toHaveLength(1)
        expect(page.match(/<\/script>/g)).toHaveLength(1)
        expect(page).not.toMatch(/<img|<!--/)
      },
    ),
  )
})

test('it holds no address and no script to be run, and shows answers, checks and each run', () => {
  const page = reportPage(reportWith('Ada', 'Because.'))
  expect(page).not.toMatch(/(src|href)=/)
  expect(page).toContain("default-src 'none'")
  for (const part of ['Because.', '✓ passed', 'not yet', 'No answer.', 'xen → kvm, pre-copy', '4.25', '<circle']) {
    expect(page).toContain(part)
  }
  expect(reportPage(reportWith('Ada', '', []))).not.toContain('<circle')
})

test('a line of the table counts what was passed and answered', () => {
  expect(lineOf(reportWith('Ada', 'Because.'))).toMatchObject({
    ...{ student: 'Ada', exercises: 1, passed: 1, checks: 2, answered: 1, questions: 2, runs: 1 },
    by_exercise: [{ passed: 1, checks: 2, answered: 1, questions: 2 }],
  })
})

test('the table has columns for each exercise that anybody began, and none for what no exercise is called', () => {
  const ada = reportWith('Ada', 'Because.')
  const [exercise] = ada.exercises
  if (exercise === undefined) throw new Error('no exercise')
  const bob = {
    ...ada,
    student: 'Bob',
    exercises: [
      { ...exercise, id: 'other' },
      { ...exercise, id: '=1+1' },
    ],
  }
  const [head, ...rows] = reportsCsv([ada, bob].map(lineOf)).trim().split('\r\n')
  const own = `${exercise.id}_passed,${exercise.id}_answered,other_passed,other_answered`
  expect(head).toBe(`student,exercises,passed,checks,answered,questions,runs,made_at,${own}`)
  expect(rows.map((row) => row.split(',').slice(-4).join())).toEqual(['1,1,,', ',,1,1'])
})

test('what is foreign, cut off, or not of the form is refused with the name of the file and of the field', () => {
  const page = reportPage(reportWith('Ada', 'x'))
  const refusal = (text: string) => {
    try {
      readReport(text, 'f.html')
    } catch (thrown) {
      const { code, message } = FerryError.from(thrown)
      return { code, message }
    }
    return null
  }
  expect(refusal('<html></html>')).toMatchObject({ code: 'report.foreign' })
  expect(refusal(page.slice(0, page.indexOf('</script>')))).toMatchObject({ code: 'report.foreign' })
  expect(refusal(page.replace('"version":1', '"version":{}'))?.message).toContain('f.html: version')
  expect(refusal(page.replace('{"format"', '{"format'))).toMatchObject({ code: 'report.damaged' })
  expect(refusal(page.replace('"cores":2', '"cores":"many"'))?.message).toContain('origins.0.cores')
})

test('a report has a name that every system takes as that of a file', () => {
  expect(['Ada L', 'Zoë', '../../x', '-', 'a/b\\c', '名前'].map(reportFile)).toEqual([
    'Ada-L.html',
    'Zoë.html',
    'x.html',
    'report.html',
    'a-b-c.html',
    '名前.html',
  ])
})
