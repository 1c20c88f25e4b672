/** `ferry import`: a guest out of a file of a QEMU, into a running lab. */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { EXIT } from './errors.ts'
import { withHost } from './labs.ts'
import { jsonOption } from './options.ts'
import { print, printJson } from './output.ts'

interface Options {
  readonly host: string
  readonly image?: string
  readonly name?: string
  readonly disk?: string
  readonly json?: true
}

const HELP = `
A lab runs while \`ferry run\` or the app is open. FILE is what a QEMU 7.2 wrote, whose machine equals ours
(\`migrate "exec:cat>FILE"\` in its monitor), or \`ferry export --format qemu\`. Its disk is a raw image of just its size:
FILE.disk, or what --disk names. The guest is paused then, as it was in the
file; \`ferry guests resume ID\` lets it go on. What is no such file, or cannot be a guest of this host, is refused, and says
why: nothing has changed then.

Exit codes: 0 taken in, 1 refused, 2 wrong usage.

Examples:
  ferry import linux-1.qemu --host kvm --image linux && ferry guests resume linux-1`

export function importCommand(program: Command, done: (code: number) => void): void {
  program
    .command('import <file>')
    .description('make a paused guest of a file that a QEMU wrote')
    .addOption(new Option('--host <name>', 'host of the lab that takes it').makeOptionMandatory())
    .addOption(
      new Option('--image <name>', 'image that it was started from, if Ferry knows it: for workloads and checks'),
    )
    .addOption(new Option('--name <name>', 'name of the guest'))
    .addOption(new Option('--disk <file>', 'its disk, if it has one (default: FILE.disk)'))
    .addOption(jsonOption('the guest'))
    .addHelpText('after', HELP)
    .action(async (file: string, { json, disk, ...input }: Options) => {
      const files = { path: resolve(file), ...(disk === undefined ? {} : { disk: resolve(disk) }) }
      const guest = await withHost(input.host, (lab) => lab.call('guests.import', { ...files, ...input }))
      if (json === true) printJson(guest)
      else print(`${guest.name} is ${guest.state} on ${guest.host}, at ${guest.ip} (${guest.mac}).`)
      done(EXIT.ok)
    })
}
