/**
 * The benches: `npm run bench [-- downtime|speed|connections|warm-up|window|recording|replay] [--n 10] [--guest linux]`, and
 * `npm run bench -- peers`, which takes hours and flags of its own. They print tables and assert nothing: figures depend on
 * the machine, so compare within one run.
 */
import os from 'node:os'
import { parseArgs } from 'node:util'
import { connectionRows } from './connections.ts'
import { downtimeRows } from './downtime.ts'
import { recordingRows } from './recording.ts'
import { replayRows } from './replay.ts'
import { speedRows } from './speed.ts'
import { type Row, table } from './statistics.ts'
import { warmUpRows } from './warm-up.ts'
import { windowRows } from './window.ts'

const BENCHES = {
  downtime: downtimeRows,
  speed: speedRows,
  connections: connectionRows,
  'warm-up': warmUpRows,
  window: windowRows,
  recording: recordingRows,
  replay: replayRows,
}

const progress = (line: string) => process.stderr.write(`${line}\n`)
const [load] = os.loadavg()
if (load > 0.5) progress(`The machine is busy (load ${load.toFixed(1)}): figures will be worse than they could be.`)

if (process.argv[2] === 'peers') {
  const { benchPeers } = await import('./peers/bench.ts')
  try {
    process.stdout.write(`${await benchPeers(process.argv.slice(3), progress)}\n`)
  } catch (thrown) {
    progress(thrown instanceof Error ? thrown.message : String(thrown))
    process.exit(1)
  }
  process.exit(0)
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { n: { type: 'string', default: '10' }, guest: { type: 'string', default: 'linux' } },
})
const n = Number(values.n)
if (!Number.isInteger(n) || n < 1) throw new RangeError('--n takes a whole number from 1')
const wanted = Object.entries(BENCHES).filter(([name]) => positionals.length === 0 || positionals.includes(name))
if (wanted.length === 0)
  throw new RangeError(`There is no such bench. There are: ${Object.keys(BENCHES).join(', ')}, peers.`)

const rows: Row[] = []
for (const [, bench] of wanted) rows.push(...(await bench({ guest: values.guest, n, progress })))
process.stdout.write(`${table(rows)}\n`)
process.stdout.write(`\nNode ${process.versions.node}, ${os.cpus()[0].model}, ${os.cpus().length} cores\n`)
process.exit(0)
