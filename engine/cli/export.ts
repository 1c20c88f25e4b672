/** `ferry export`: a paused guest of a running lab as a file of another hypervisor. */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { GUEST_FILE_FORMATS, type GuestFileFormat } from '../contract/guest-files.ts'
import { EXIT } from './errors.ts'
import { count } from './format.ts'
import { withGuest } from './guests.ts'
import { jsonOption } from './options.ts'
import { print, printJson } from './output.ts'

interface Options {
  readonly format: GuestFileFormat
  readonly json?: true
}

const HELP = `
A lab runs while \`ferry run\` or the app is open. ID is a guest's id, the beginning of it, or its name. The guest has to be
paused (\`ferry guests pause ID\`), and stays so.

Formats:
  xen   the save image of Xen's libxc, version 3: memory, TSC, HVM context; devices are not part of that format
  qemu  the migration stream of a QEMU 7.2 whose machine equals ours, all of the guest; its disk, if it has one, is a
        file beside it, FILE.disk (raw). The command that takes them in is printed

Exit codes: 0 written, 1 failed (nothing was written), 2 wrong usage.

Examples:
  ferry guests pause linux-1 && ferry export linux-1 linux-1.xen --format xen`

export function exportCommand(program: Command, done: (code: number) => void): void {
  program
    .command('export <id> <file>')
    .description('write a paused guest into a file of another hypervisor')
    .addOption(new Option('--format <name>', 'of the file').choices(GUEST_FILE_FORMATS).makeOptionMandatory())
    .addOption(jsonOption('what was written'))
    .addHelpText('after', HELP)
    .action(async (id: string, file: string, { format, json }: Options) => {
      const written = await withGuest(id, ({ lab, guest }) =>
        lab.call('guests.export', { guest: guest.id, format, path: resolve(file) }),
      )
      if (json === true) printJson(written)
      else {
        if (written.disk !== null) print(`${written.disk.path}: ${count(written.disk.bytes)} bytes of disk.`)
        print(`${written.path}: ${count(written.bytes)} bytes, ${count(written.pages)} pages of RAM. Not in it:`)
        for (const line of written.left_out) print(`  ${line}`)
        if (written.command !== null) print(`\nTaken in by:\n  ${written.command}`)
      }
      done(EXIT.ok)
    })
}
