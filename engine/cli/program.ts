/** The command line as a whole: its commands, and what all of them have in common. */
import { Command, CommanderError, Option } from 'commander'
import manifest from '../../package.json' with { type: 'json' }
import { demoCommand } from './demo.ts'
import { dirtyRateCommand } from './dirty-rate.ts'
import { describeError, EXIT, exitCodeOf } from './errors.ts'
import { experimentCommand } from './experiment.ts'
import { exportCommand } from './export.ts'
import { guideCommand } from './guide.ts'
import { guestsCommand } from './guests.ts'
import { hostsCommand } from './hosts.ts'
import { importCommand } from './import.ts'
import { imagesCommand } from './images.ts'
import { layoutsCommand } from './layouts.ts'
import { migrateCommand } from './migrate.ts'
import { say, sayNow } from './output.ts'
import { recordCommand } from './record.ts'
import { recordingCommand } from './recording.ts'
import { runCommand } from './run.ts'
import { runsCommand } from './runs.ts'
import { serveCommand } from './serve.ts'
import { withToolLine } from './tool-line.ts'
import { toolstackCommand } from './toolstack.ts'
import { verifyStreamCommand } from './verify-stream.ts'

const COMMANDS = [
  demoCommand,
  migrateCommand,
  experimentCommand,
  dirtyRateCommand,
  runCommand,
  serveCommand,
  recordCommand,
  recordingCommand,
  runsCommand,
  hostsCommand,
  guestsCommand,
  exportCommand,
  importCommand,
  toolstackCommand,
  imagesCommand,
  guideCommand,
  layoutsCommand,
  verifyStreamCommand,
]

const HELP = `
\`ferry demo\` is a good start: a Linux guest crosses from Xen to KVM and back.

Environment:
  FERRY_DATA    folder of the measurements (default: ferry in XDG_DATA_HOME, else ~/.local/share/ferry)
  FERRY_GUIDE   folder of exercises of your own (guide/README.md)
  FERRY_CACHE   folder of built guest images (default: ferry/images in XDG_CACHE_HOME, else ~/.cache/ferry/images)

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.`

/** Runs a command line to its end. Resolves with the exit code; never rejects. */
export async function main(): Promise<number> {
  let code: number = EXIT.ok
  try {
    await createProgram((result) => (code = result)).parseAsync(withToolLine(process.argv.slice(2)), { from: 'user' })
    return code
  } catch (thrown) {
    // Commander has said what is wrong with the command line already.
    if (!(thrown instanceof CommanderError)) say(describeError(thrown, debugging()))
    return exitCodeOf(thrown)
  }
}

/** What nobody caught, told as any other error. */
export function fault(thrown: unknown): void {
  sayNow(describeError(thrown, debugging()))
  process.exit(EXIT.failed)
}

const debugging = (): boolean => process.argv.includes('--debug')

/** @param done takes the exit code of the command that ran */
function createProgram(done: (code: number) => void): Command {
  const program = new Command('ferry')
    .description('A lab that moves running guests, live, between a Xen-like and a KVM-like host.')
    .version(manifest.version, '-V, --version')
    .addOption(new Option('--debug', 'show the causes of an error'))
    .addHelpText('after', HELP)
  for (const add of COMMANDS) add(program, done)
  settle(program)
  return program
}

/** Errors are thrown, not exits; they end with a hint. Subcommands too. */
function settle(command: Command): void {
  const path: string[] = []
  for (let at: Command | null = command; at !== null; at = at.parent) path.unshift(at.name())
  command
    .exitOverride()
    .showHelpAfterError(`Try \`${path.join(' ')} --help\`.`)
    .configureHelp({ showGlobalOptions: true })
  for (const child of command.commands) settle(child)
}
