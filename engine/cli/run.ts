/** `ferry run`: a guest's console in this terminal; it moves between two hosts at the press of keys. */
import { type Command, Option } from 'commander'
import { type ControlServer, serveControl } from '../lab/control.ts'
import { asFerryError, EXIT } from './errors.ts'
import { KEYS } from './chords.ts'
import { openTerminal } from './console-terminal.ts'
import { ConsoleSession } from './console-session.ts'
import { Interrupts } from './interrupts.ts'
import {
  addGuestOptions,
  addMoveOptions,
  type GuestOptions,
  type MoveOptions,
  recordLabOption,
  storeOption,
} from './options.ts'
import { say } from './output.ts'
import { addHosts, openLab, planGuest, recordLab } from './session.ts'

interface RunOptions extends GuestOptions, MoveOptions {
  readonly script?: string
  readonly recordLab?: string
  readonly store?: string
}

const HELP = `
Starts a guest on one host beside a second, empty host, and connects this terminal to its serial console. Everything
typed goes to the guest, Ctrl-C too, except after Ctrl-]:

${KEYS}

Where stdin is no terminal, its bytes are the guest's input, chords included, Ctrl-] w waits until the migration has
ended, and the end of the input ends the command. The guest's output is on stdout, Ferry's own lines are on stderr.
Meanwhile \`ferry hosts\` and \`ferry guests\` in another terminal see this lab.

Exit codes: 0 quit, 1 the guest could not be started or its machine ended, 2 wrong usage, 130 interrupted.

Examples:
  ferry run
  ferry run --guest labos --ram 32 --workload dirty:2000 --link 100M
  printf 'uptime\\n\\035m\\035wuptime\\n' | ferry run --guest labos`

export function runCommand(program: Command, done: (code: number) => void): void {
  const command = program.command('run').description("a guest's console in this terminal, and keys to move the guest")
  addGuestOptions(command).addOption(new Option('--workload <load>', 'what the guest does meanwhile (default: idle)'))
  addMoveOptions(command)
    .addOption(new Option('--script <file>', 'take the input from a file instead; - = stdin'))
    .addOption(recordLabOption())
    .addOption(storeOption())
    .addHelpText('after', HELP)
    .action(async (_: unknown, self: Command) => done(await run(self.opts<RunOptions>())))
}

async function run(options: RunOptions): Promise<number> {
  const interrupts = new Interrupts()
  const plan = await interrupts.orInterrupted(planGuest(options, options.workload ?? 'idle', say))
  const service = await openLab(options.store, options.seed, say)
  await recordLab(service, options.recordLab, 'ferry run')
  let control: ControlServer | null = null
  try {
    const hosts = await addHosts(service, options)
    control = await serveControl(service).catch((thrown: unknown) => {
      say(`ferry: ${asFerryError(thrown).message}`)
      return null
    })
    const guest = await interrupts.orInterrupted(service.call('guests.create', { ...plan, host: hosts.from }))
    const terminal = await openTerminal(options.script)
    try {
      const session = new ConsoleSession(service, guest, [hosts.from, hosts.to], options, terminal)
      const off = interrupts.on(() => session.quit('interrupted'))
      const ended = await session.run()
      off()
      return { quit: EXIT.ok, crashed: EXIT.failed, interrupted: EXIT.interrupted }[ended]
    } finally {
      terminal.close()
    }
  } finally {
    await control?.close()
    await service.close()
    interrupts.close()
  }
}
