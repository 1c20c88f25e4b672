/** `ferry hosts`: hosts of the labs that run, or what hosts there would be. */
import type { Command } from 'commander'
import { kvm } from '../hypervisors/kvm/kvm.ts'
import { xen } from '../hypervisors/xen/xen.ts'
import type { HostKindView, HostView } from '../contract/lab.ts'
import { runningLabs } from '../lab/control-client.ts'
import { kindViews } from '../lab/kinds.ts'
import { ALGORITHM_NAMES } from '../migration/policy/pool.ts'
import { DEFAULT_PORT } from '../migration/server.ts'
import { EXIT } from './errors.ts'
import { memory } from './format.ts'
import { jsonOption } from './options.ts'
import { print, printJson } from './output.ts'
import { type Column, table } from './table.ts'

const DEFAULT_MEMORY_BYTES = 2048 * 2 ** 20

/** `lab`: process id of the lab, null where the host is only what a lab would begin with. */
type HostRow = HostView & { readonly lab: number | null }

const HELP = `
Hosts with a real QEMU need \`qemu-system-i386\` 7.2, on PATH or named by FERRY_QEMU.
A lab runs while \`ferry run\` or the app is open; other commands make hosts of their own and end them.
Memory is in MiB (2^20 B). Exit codes: 0 done, 1 failed, 2 wrong usage.

Examples:
  ferry hosts
  ferry hosts --json`

export function hostsCommand(program: Command, done: (code: number) => void): void {
  program
    .command('hosts')
    .description('hosts of the labs that run on this computer')
    .addOption(jsonOption('an array of hosts'))
    .addHelpText('after', HELP)
    .action(async (options: { json?: true }) => {
      const running = await runningHosts()
      const rows = running.length === 0 ? defaultHosts() : running
      if (options.json === true) printJson(rows)
      else {
        if (running.length === 0) print('No lab is running. These are the hosts that one begins with:\n')
        print(table(COLUMNS, rows))
        print(`\n${kindsText(await kindViews())}`)
      }
      done(EXIT.ok)
    })
}

async function runningHosts(): Promise<HostRow[]> {
  const rows: HostRow[] = []
  for (const lab of await runningLabs()) {
    rows.push(...(await lab.call('hosts.list', {})).map((host) => ({ ...host, lab: lab.pid })))
    lab.close()
  }
  return rows
}

function defaultHosts(): HostRow[] {
  return [xen, kvm].map(({ kind, title }) => ({
    name: kind,
    kind,
    title,
    address: '127.0.0.1',
    port: DEFAULT_PORT[kind],
    memory_B: DEFAULT_MEMORY_BYTES,
    memory_used_B: 0,
    algorithms: [...ALGORITHM_NAMES],
    hosts_allow: [],
    guests: [],
    lab: null,
  }))
}

/** What kinds of host there are, and why one cannot be had. */
function kindsText(kinds: readonly HostKindView[]): string {
  const lines = kinds.map(({ kind, title, version, reason }) => {
    const state = reason === null ? `${title}${version === null ? '' : `, version ${version}`}` : `not here: ${reason}`
    return `  ${kind.padEnd(6)}${state}\n`
  })
  return `Kinds of host:\n${lines.join('')}`
}

const COLUMNS: readonly Column<HostRow>[] = [
  { title: 'lab', cell: ({ lab }) => (lab === null ? '-' : String(lab)) },
  { title: 'host', cell: ({ name }) => name },
  { title: 'kind', cell: ({ kind }) => kind },
  { title: 'address', cell: ({ address, port }) => `${address}:${port}` },
  { title: 'memory', align: 'right', cell: ({ memory_B }) => memory(memory_B) },
  { title: 'used', align: 'right', cell: ({ memory_used_B }) => memory(memory_used_B) },
  { title: 'guests', align: 'right', cell: ({ guests }) => String(guests.length) },
  { title: 'algorithms', cell: ({ algorithms }) => algorithms.join(', ') },
]
