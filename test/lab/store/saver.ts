/**
 * Run by the crash tests as a process of its own: saves runs in a database until it is killed, and says which are
 * finished. Arguments: the database, the number of the first run, and optionally how many.
 */
import { writeSync } from 'node:fs'
import { openStore } from '../../../engine/lab/store/run-store.ts'
import { sampleParts, sampleReport } from './samples.ts'

const [path = '', first = '0', howMany = 'Infinity'] = process.argv.slice(2)
const store = openStore(path)
const start = Number(first)
for (let i = start; i < start + Number(howMany); i++) {
  store.saveRun(sampleReport(i), sampleParts(i, 2000))
  // Synchronous, so that nothing that was said is lost with the process.
  writeSync(1, `${i}\n`)
}
store.close()
