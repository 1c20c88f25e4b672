/** Prints `N passed, N failed, N skipped` from vitest's JSON report; fails where the report is missing or empty. */
import { readFileSync } from 'node:fs'
import * as v from 'valibot'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const report = v.object({
  numPassedTests: count,
  numFailedTests: count,
  numPendingTests: count,
  numTodoTests: count,
  numFailedTestSuites: count,
})

const parsed = v.parse(report, JSON.parse(readFileSync(process.argv[2], 'utf8')))
const skipped = parsed.numPendingTests + parsed.numTodoTests
process.stdout.write(`${parsed.numPassedTests} passed, ${parsed.numFailedTests} failed, ${skipped} skipped\n`)
if (parsed.numPassedTests === 0 || parsed.numFailedTests > 0 || parsed.numFailedTestSuites > 0) process.exit(1)
