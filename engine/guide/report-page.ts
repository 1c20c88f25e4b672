/** A student's report as one HTML page: no script, nothing from elsewhere, fit for print, its data in it. Pure. */
import { codeSpans } from './code-spans.ts'
import { DATA_ID, dataText, type ReportedRun, type StudentReport } from './report.ts'

type Exercise = StudentReport['exercises'][number]

/** Text as it may stand in an element or in an attribute in double quotes. */
const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

/** A line in which some is code. */
const spans = (line: string): string =>
  codeSpans(line)
    .map(({ code, text }) => (code ? `<code>${escape(text)}</code>` : escape(text)))
    .join('')

/** `2026-11-12 09:30 UTC`, of ISO-8601 in UTC. */
const minute = (iso: string): string => escape(iso.replace(/^([\d-]+)T(\d\d:\d\d).*/, '$1 $2 UTC'))

const STYLE = `
:root { color-scheme: light dark }
.report { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1, h2, h3 { line-height: 1.2 } h2 { margin-top: 2.5rem; border-top: 1px solid; padding-top: 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .875rem }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent) }
td:first-child { white-space: nowrap } code { font-family: ui-monospace, monospace }
td.number, th.number { text-align: right }
.answer { white-space: pre-wrap; overflow-wrap: anywhere; border-left: 3px solid; padding-left: 1rem; margin: .5rem 0 1rem }
.none { font-style: italic } .wide { overflow-x: auto } svg { max-width: 100%; height: auto }
@media print { .report { margin: 0; max-width: none; font-size: 10pt } h2, h3 { break-after: avoid } tr, svg { break-inside: avoid } .answer { orphans: 3; widows: 3 } }`

export function reportPage(report: StudentReport): string {
  const { student, made_at, origins, exercises, runs } = report
  const title = `${escape(student)}: report`
  const machines = origins.map(
    ({ cpu_model, cores, app_version, v86_version }) =>
      `<li>${escape(cpu_model || 'unknown processor')}, ${cores} cores; Ferry ${escape(app_version)}, v86 ${escape(v86_version)}</li>`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>${STYLE}
</style>
</head>
<body class="report">
<h1>${title}</h1>
<p>Made ${minute(made_at)}. ${count(exercises.length, 'exercise')}, ${count(runs.length, 'run')}.</p>
${machines.length === 0 ? '' : `<p>Measured on:</p><ul>${machines.join('')}</ul>`}
${exercises.map((exercise) => exercisePart(exercise, runs)).join('\n')}
<script type="application/json" id="${DATA_ID}">${dataText(report)}</script>
</body>
</html>
`
}

const count = (n: number, thing: string): string => `${n} ${thing}${n === 1 ? '' : 's'}`

function exercisePart(
  { title, goal, started_at, checks, questions, runs: ids }: Exercise,
  all: readonly ReportedRun[],
) {
  const runs = all.filter(({ run_id }) => ids.includes(run_id))
  const rows = checks.map(
    (check) =>
      `<tr><td>${check.passed_at === null ? 'not yet' : '✓ passed'}</td><td>${spans(check.title)}</td><td>${spans(check.found)}</td></tr>`,
  )
  const answers = questions.map(({ title: asked, answer }) =>
    answer.trim() === ''
      ? `<h3>${spans(asked)}</h3><p class="none">No answer.</p>`
      : `<h3>${spans(asked)}</h3><div class="answer">${escape(answer)}</div>`,
  )
  return `<section>
<h2>${escape(title)}</h2>
<p>${escape(goal)} Begun ${minute(started_at)}.</p>
${rows.length === 0 ? '' : `<div class="wide"><table><thead><tr><th>Check</th><th>What</th><th>Seen</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`}
${answers.join('\n')}
${runs.length === 0 ? '' : `${figure(runs)}${runTable(runs)}`}
</section>`
}

const COLUMNS: readonly (readonly [string, (run: ReportedRun) => string])[] = [
  ['Downtime, ms', (run) => number(run.downtime_ms)],
  ['Outage, ms', (run) => number(run.outage_ms)],
  ['Total, ms', (run) => number(run.total_ms)],
  ['Sent, MB', (run) => number(run.bytes_sent_B / 1e6)],
  ['Sent again, pages', (run) => String(run.pages_retransmitted)],
]

const number = (value: number | null): string => (value === null ? '–' : value.toFixed(value < 100 ? 2 : 0))
const groupOf = ({ from_kind, to_kind, algorithm }: ReportedRun): string => `${from_kind} → ${to_kind}, ${algorithm}`

function runTable(runs: readonly ReportedRun[]): string {
  const head = COLUMNS.map(([title]) => `<th class="number">${title}</th>`).join('')
  const rows = runs.map((run) => {
    const cells = COLUMNS.map(([, cell]) => `<td class="number">${cell(run)}</td>`).join('')
    const what = [groupOf(run), `${run.guest} ${run.workload}`, run.link, run.outcome].map(
      (text) => `<td>${escape(text)}</td>`,
    )
    return `<tr>${what.join('')}${cells}</tr>`
  })
  return `<div class="wide"><table><thead><tr><th>Run</th><th>Guest</th><th>Link</th><th>Outcome</th>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`
}

const [WIDTH, LABEL, ROW] = [640, 220, 24]

/** Downtime of every completed run, one row for each direction and algorithm, over powers of ten; the table has the numbers. */
function figure(runs: readonly ReportedRun[]): string {
  const groups = new Map<string, number[]>()
  for (const run of runs) {
    if (run.outcome !== 'completed' || run.downtime_ms === null || run.downtime_ms <= 0) continue
    const values = groups.get(groupOf(run)) ?? []
    values.push(run.downtime_ms)
    groups.set(groupOf(run), values)
  }
  if (groups.size === 0) return ''
  const all = [...groups.values()].flat().map(Math.log10)
  const [low, high] = [
    Math.floor(Math.min(...all)),
    Math.max(Math.floor(Math.min(...all)) + 1, Math.ceil(Math.max(...all))),
  ]
  const x = (log: number): number => LABEL + ((log - low) / (high - low)) * (WIDTH - LABEL - 20)
  const bottom = groups.size * ROW + 4
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => low + i).map(
    (log) =>
      `<line x1="${x(log)}" x2="${x(log)}" y1="0" y2="${bottom}" stroke="currentColor" stroke-opacity=".2"/>` +
      `<text x="${x(log)}" y="${bottom + 16}" text-anchor="middle">${10 ** log}</text>`,
  )
  const rows = [...groups].map(([name, values], row) => {
    const y = row * ROW + ROW / 2
    const dots = values.map(
      (value) => `<circle cx="${x(Math.log10(value)).toFixed(1)}" cy="${y}" r="4" fill-opacity=".6"/>`,
    )
    return `<text x="0" y="${y + 4}">${escape(name)}</text>${dots.join('')}`
  })
  return `<figure><svg viewBox="0 0 ${WIDTH} ${bottom + 22}" width="${WIDTH}" role="img" aria-label="Downtime of each run, in milliseconds, by direction and algorithm; the table below has the numbers" fill="currentColor" font-size="12">${ticks.join('')}${rows.join('')}</svg><figcaption>Downtime of each run, ms</figcaption></figure>`
}
