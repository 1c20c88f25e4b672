/** `ferry record`: records a lab that runs, until Ctrl-C. */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { RecordingStatus } from '../contract/recordings.ts'
import { type ControlClient, runningLabs } from '../lab/control-client.ts'
import { FerryError } from '../util/errors.ts'
import { sleep } from '../util/clock.ts'
import { describeError, EXIT, usageError } from './errors.ts'
import { ms, traffic } from './format.ts'
import { Interrupts } from './interrupts.ts'
import { whole } from './options.ts'
import { print, say } from './output.ts'

const LOOK_EVERY_MS = 500

interface RecordOptions {
  readonly out?: string
  readonly title?: string
  readonly lab?: number
}

const HELP = `
A lab runs while \`ferry run\`, \`ferry serve\` or the app is open. Everything that it shows goes into the file: screens, consoles and
what is typed there, migrations with their messages, memory, states. Ctrl-C ends the recording, and the lab goes on.
A command with a lab of its own records itself: \`ferry migrate --record-lab FILE\`, also demo, run and serve.

Exit codes: 0 the recording was ended by Ctrl-C, 1 there is no lab, or the recording ended before, 2 wrong usage.

Examples:
  ferry record --out lesson.ferryrec --title 'Pre-copy and its rounds'
  ferry recording show lesson.ferryrec`

export function recordCommand(program: Command, done: (code: number) => void): void {
  program
    .command('record')
    .description('record a lab that runs, until Ctrl-C')
    .addOption(
      new Option(
        '--out <file>',
        "a new file, by custom .ferryrec (default: among the lab's own recordings, which the app lists)",
      ),
    )
    .addOption(new Option('--title <text>', 'what it is about'))
    .addOption(
      new Option('--lab <pid>', 'process of the lab, where several run').argParser(whole(1, Number.MAX_SAFE_INTEGER)),
    )
    .addHelpText('after', HELP)
    .action(async (options: RecordOptions) => done(await record(options)))
}

async function record({ out, title, lab }: RecordOptions): Promise<number> {
  const labs = await runningLabs()
  const interrupts = new Interrupts()
  try {
    const client = only(labs, lab)
    const { recording_id } = await client.call('recordings.start', {
      ...(title === undefined ? {} : { title }),
      ...(out === undefined ? {} : { path: resolve(out) }),
    })
    const where = out ?? `the lab's recordings, as ${recording_id}`
    say(`Recording into ${where}. Ctrl-C ends it.`)
    return await follow(client, recording_id, where, interrupts)
  } finally {
    interrupts.close()
    for (const client of labs) client.close()
  }
}

/** Until Ctrl-C, or until the recording is over for another reason. */
async function follow(client: ControlClient, id: string, where: string, interrupts: Interrupts): Promise<number> {
  while (!interrupts.happened) {
    await Promise.race([sleep(LOOK_EVERY_MS), new Promise<void>((resolve) => interrupts.on(resolve))])
    const status = await client.call('recordings.status', {}).catch(() => null)
    if (status?.recording?.recording_id !== id) return endedBefore(status, where)
  }
  const made = await client.call('recordings.stop', {})
  if (made === null) return endedBefore(await client.call('recordings.status', {}), where)
  print(`${where}: ${ms(made.duration_ms)}, ${traffic(made.size_B)}`)
  return EXIT.ok
}

function endedBefore(status: RecordingStatus | null, where: string): number {
  if (status === null) say(`ferry: The lab has ended, and with it the recording. What it had is in ${where}.`)
  else if (status.failure !== null) say(describeError(FerryError.revive(status.failure), false))
  else say(`ferry: Somebody else has ended the recording. It is in ${where}.`)
  return EXIT.failed
}

/** @throws FerryError `lab.none`, `usage` */
function only(labs: readonly ControlClient[], pid: number | undefined): ControlClient {
  const found = pid === undefined ? labs : labs.filter((lab) => lab.pid === pid)
  if (found.length === 1) return found[0]
  if (found.length > 1) {
    throw usageError(`Several labs run: ${found.map((lab) => lab.pid).join(', ')}. Name one with --lab.`)
  }
  const which = pid === undefined ? 'No lab is running' : `No lab runs in process ${pid}`
  throw new FerryError('lab.none', `${which}. \`ferry run\`, \`ferry serve\` or the app start one.`)
}
