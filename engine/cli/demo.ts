/** `ferry demo`: a guest crosses from the Xen-like to the KVM-like host and back while it works, in plain words. */
import { type Command, Option } from 'commander'
import type { GuestView } from '../contract/lab.ts'
import type { RunReport } from '../contract/report.ts'
import type { LabService } from '../lab/service.ts'
import { fromCommon, toCommon } from '../hypervisors/translate.ts'
import type { NativeRecord } from '../hypervisors/hypervisor.ts'
import { EXIT } from './errors.ts'
import { count, memory, ms, plural, traffic } from './format.ts'
import { Interrupts } from './interrupts.ts'
import { addGuestOptions, type GuestOptions, recordLabOption, storeOption } from './options.ts'
import { print, say } from './output.ts'
import { progressView } from './progress.ts'
import { partsText, roundsTable, runText, succeeded } from './report-view.ts'
import { addHosts, openLab, planGuest, recordLab } from './session.ts'

const DEFAULT_WORKLOAD = 'dirty:2000'
const HEARTBEAT_MS = 100
const WIDTH = 100

interface DemoOptions extends GuestOptions {
  readonly recordLab?: string
  readonly store?: string
}

const HELP = `
On the way back the RAM of both sides is compared; after each crossing the guest checks its own memory. The first start builds
the Linux image, which takes apt and a network once; where it cannot be had, LabOS serves. Under a minute otherwise.

Exit codes: 0 both crossings and all checks are right, 1 one is not, 2 wrong usage, 130 interrupted.

Examples:
  ferry demo
  ferry demo --guest labos --ram 32`

export function demoCommand(program: Command, done: (code: number) => void): void {
  const command = program
    .command('demo')
    .description('see it at work: a guest crosses between the hosts and back, live')
  addGuestOptions(command)
    .addOption(new Option('--workload <load>', `what the guest does meanwhile (default: ${DEFAULT_WORKLOAD})`))
    .addOption(recordLabOption())
    .addOption(storeOption())
    .addHelpText('after', HELP)
    .action(async (_: unknown, self: Command) => done(await demo(self.opts<DemoOptions>())))
}

async function demo(options: DemoOptions): Promise<number> {
  const interrupts = new Interrupts()
  const given = { ...options, heartbeat: options.heartbeat === 0 ? HEARTBEAT_MS : options.heartbeat }
  const plan = await interrupts.orInterrupted(planGuest(given, options.workload ?? DEFAULT_WORKLOAD, say))
  const service = await openLab(options.store, 1, say)
  await recordLab(service, options.recordLab, 'ferry demo')
  try {
    const hosts = await addHosts(service, options)
    for (const host of service.lab.hosts.values()) {
      const { name, title, address, port } = host.view
      print(`Host ${name}: ${title}. It takes guests at ${address}:${port}.`)
    }
    const guest = await interrupts.orInterrupted(service.call('guests.create', { ...plan, host: hosts.from }))
    print(
      `Guest ${guest.name}: ${memory(guest.ram_B)} of RAM on ${guest.host}, ${guest.started} in ${ms(guest.start_ms)}.\n` +
        `Its workload is ${guest.workload}, it counts on its console every ${count(given.heartbeat)} ms, and it answers ping.`,
    )
    await interrupts.orInterrupted(showTranslation(service, guest, hosts))
    const runs: RunReport[] = []
    for (const to of [hosts.to, hosts.from]) {
      // The comparison makes the guest stand still for longer, which a network client feels: once is enough.
      runs.push(await cross(service, guest, { to, verify: to === hosts.from }, interrupts))
      if (interrupts.happened) return EXIT.interrupted
    }
    print(heading('Measured'))
    for (const run of runs) print(`${runText({ ...run, rounds: [] })}\n\n`)
    const right = runs.every(succeeded)
    print(right ? closing(guest) : 'Something went wrong; see above. `ferry runs` has all the details.')
    return right ? EXIT.ok : EXIT.failed
  } finally {
    await service.close()
    interrupts.close()
  }
}

/** The records of this guest at this moment, as its own host saves them and the other loads them. */
async function showTranslation(
  service: LabService,
  { id }: GuestView,
  { from, to }: { from: string; to: string },
): Promise<void> {
  const source = service.lab.host(from).hypervisor
  const target = service.lab.host(to).hypervisor
  const state = await service.lab.guest(id).residence.machine.capture()
  const sent = toCommon(source, state)
  const loaded = fromCommon(target, sent.bytes)
  print(heading('What is translated'))
  print(`RAM crosses page by page as it is. CPU and devices are kept in other records by each hypervisor:\n`)
  print(`  ${from} saves ${recordsText(sent.native)}`)
  print(`  → common format, ${count(sent.bytes.length)} B on the wire →`)
  print(`  ${to} loads ${recordsText(loaded.native)}`)
  print(`\nEvery field is named by \`ferry layouts RECORD\`, e.g. \`ferry layouts ${loaded.native[0]?.name ?? ''}\`.`)
}

function recordsText(records: readonly NativeRecord[]): string {
  const sizes = new Map<string, { bytes: number; times: number }>()
  for (const { name, bytes } of records) {
    const known = sizes.get(name) ?? { bytes: bytes.length, times: 0 }
    sizes.set(name, { ...known, times: known.times + 1 })
  }
  const names = [...sizes].map(([name, { bytes, times }]) => `${name} ${bytes}${times > 1 ? ` ×${times}` : ''}`)
  const total = records.reduce((sum, { bytes }) => sum + bytes.length, 0)
  return `${plural(records.length, 'record')}, ${count(total)} B:\n${wrap(names, '    ')}`
}

function wrap(words: readonly string[], indent: string): string {
  const lines: string[] = []
  let line = indent
  words.forEach((word, i) => {
    const piece = i === words.length - 1 ? word : `${word}, `
    if (line.length + piece.length > WIDTH && line !== indent) {
      lines.push(line.trimEnd())
      line = indent
    }
    line += piece
  })
  return [...lines, line].join('\n')
}

async function cross(
  service: LabService,
  { id }: GuestView,
  { to, verify }: { to: string; verify: boolean },
  interrupts: Interrupts,
): Promise<RunReport> {
  const from = service.lab.guest(id).residence.host
  print(heading(`From ${from} to ${to}, live`))
  if (verify) print('This time both RAMs are compared, page by page, before the guest goes on.')
  const view = progressView(!process.stderr.isTTY)
  const notes: string[] = []
  const off = service.on('migrations.progress', (event) => {
    notes.push(...event.notes)
    view.update(event)
  })
  const before = lastBeat(service, id)
  const { run_id } = await service.call('migrations.start', {
    guest: id,
    to,
    algorithms: ['pre-copy'],
    verify_ram: verify,
  })
  const offInterrupt = interrupts.on(() => void service.call('migrations.cancel', { run_id }).catch(() => undefined))
  const run = await service.call('migrations.wait', { run_id })
  offInterrupt()
  off()
  view.end()
  for (const note of notes) print(note)
  if (run.rounds.length > 0) print(roundsTable(run.rounds))
  if (run.outcome !== 'completed') {
    print(`\nThe migration ${run.outcome === 'failed' ? 'failed' : 'was cancelled'}: ${run.error?.message ?? ''}`)
    return run
  }
  print(
    `\nThe guest stood still for ${ms(run.downtime_ms ?? 0)}` +
      `${run.downtime_parts === null ? '' : `\n(ms: ${partsText(run.downtime_parts)})`}.\n` +
      `${traffic(run.bytes_sent_B)} crossed in ${ms(run.total_ms)}. ${beats(service, id, before)}`,
  )
  return run
}

function beatNumbers(service: LabService, id: string): number[] {
  return [...service.lab.guest(id).console.text.matchAll(/HB (\d+) t=/g)].map((match) => Number(match[1]))
}

const lastBeat = (service: LabService, id: string): number => beatNumbers(service, id).at(-1) ?? 0

/** What the console shows of the guest's counting since `before`. */
function beats(service: LabService, id: string, before: number): string {
  const since = beatNumbers(service, id).filter((n) => n > before)
  if (since.length === 0) return 'The guest has not counted on yet.'
  const gapless = since.every((n, i) => n === before + 1 + i)
  const last = since.at(-1) ?? before
  return `The guest counted on from ${before} to ${last}, ${gapless ? 'with no number missing' : 'with NUMBERS MISSING'}.`
}

const heading = (text: string): string => `\n${text}\n${'-'.repeat(text.length)}`

function closing({ image, ram_B }: GuestView): string {
  const guest = `--guest ${image} --ram ${ram_B / 2 ** 20}`
  return `\
The same guest, one life, two hypervisors: every page equal, its own checks right.

Try next:
  npx ferry run ${guest}          its console here; Ctrl-] m moves it while you type
  npx ferry migrate ${guest} --algorithm stop-and-copy --link 1G --repeat 5
  npx ferry runs                                  all runs so far; \`npx ferry runs export\` for CSV
  npx ferry --help`
}
