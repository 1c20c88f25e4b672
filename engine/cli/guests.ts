/** `ferry guests`: guests of the labs that run. */
import type { Command } from 'commander'
import type { GuestView } from '../contract/lab.ts'
import type { ControlClient } from '../lab/control-client.ts'
import { FerryError } from '../util/errors.ts'
import { EXIT, usageError } from './errors.ts'
import { memory } from './format.ts'
import { withLabs } from './labs.ts'
import { jsonOption } from './options.ts'
import { print, printJson } from './output.ts'
import { type Column, table } from './table.ts'

interface Options {
  readonly json?: true
}

interface Found {
  readonly lab: ControlClient
  readonly guest: GuestView
}

const HELP = `
A lab runs while \`ferry run\` or the app is open. ID is a guest's id, the beginning of it, or its name.
Exit codes: 0 done, 1 failed (also: no such guest, or the check failed), 2 wrong usage.

Examples:
  ferry guests
  ferry guests pause labos-1
  ferry guests check labos-1`

export function guestsCommand(program: Command, done: (code: number) => void): void {
  const guests = program
    .command('guests')
    .description('guests of the labs that run on this computer')
    .addHelpText('after', HELP)

  guests
    .command('list', { isDefault: true })
    .description('all guests')
    .addOption(jsonOption('an array of guests'))
    .action(async (options: Options) => {
      const found = await withLabs((labs) => guestsOf(labs))
      const rows = found.map(({ lab, guest }) => ({ ...guest, lab: lab.pid }))
      if (options.json === true) printJson(rows)
      else
        print(
          rows.length === 0 ? 'No lab is running, or none has a guest. `ferry run` starts one.' : table(COLUMNS, rows),
        )
      done(EXIT.ok)
    })

  const action = (
    name: string,
    description: string,
    work: (found: Found, options: Options) => Promise<number>,
  ): void => {
    guests
      .command(`${name} <id>`)
      .description(description)
      .addOption(jsonOption('the result'))
      .action(async (id: string, options: Options) => {
        done(await withGuest(id, (found) => work(found, options)))
      })
  }
  const show = (guest: GuestView, options: Options): number => {
    if (options.json === true) printJson(guest)
    else print(`${guest.name} is ${guest.state} on ${guest.host}.`)
    return EXIT.ok
  }
  action('pause', 'stop its vCPU', async ({ lab, guest }, options) =>
    show(await lab.call('guests.pause', { guest: guest.id }), options),
  )
  action('resume', 'let its vCPU run again', async ({ lab, guest }, options) =>
    show(await lab.call('guests.resume', { guest: guest.id }), options),
  )
  action('destroy', 'end it and free its memory', async ({ lab, guest }, options) => {
    await lab.call('guests.destroy', { guest: guest.id })
    if (options.json === true) printJson({ id: guest.id, destroyed: true })
    else print(`${guest.name} was destroyed.`)
    return EXIT.ok
  })
  action('check', 'let it check its memory; the command is typed on its console', async ({ lab, guest }, options) => {
    const result = await lab.call('guests.check', { guest: guest.id })
    if (options.json === true) printJson(result)
    else print(result.answer)
    return result.ok ? EXIT.ok : EXIT.failed
  })
}

/** Does something with a guest of a running lab. @throws FerryError `guest.unknown`, `usage` for more than one */
export function withGuest<T>(id: string, work: (found: Found) => Promise<T>): Promise<T> {
  return withLabs(async (labs) => work(only(await guestsOf(labs), id)))
}

async function guestsOf(labs: readonly ControlClient[]): Promise<Found[]> {
  const lists = await Promise.all(
    labs.map(async (lab) => (await lab.call('guests.list', {})).map((guest) => ({ lab, guest }))),
  )
  return lists.flat()
}

/** @throws FerryError `guest.unknown`, `usage` for more than one */
function only(found: readonly Found[], id: string): Found {
  const exact = found.filter(({ guest }) => guest.id === id || guest.name === id)
  const matches = exact.length > 0 ? exact : found.filter(({ guest }) => guest.id.startsWith(id))
  if (matches.length === 1) return matches[0]
  if (matches.length > 1) {
    const ids = matches.map(({ guest }) => guest.id).join(', ')
    throw usageError(`"${id}" means more than one guest: ${ids}. Give an id.`)
  }
  const message = `No running lab has a guest "${id}". \`ferry guests\` lists those there are.`
  throw new FerryError('guest.unknown', message, { guest: id })
}

const COLUMNS: readonly Column<GuestView & { readonly lab: number }>[] = [
  { title: 'lab', cell: ({ lab }) => String(lab) },
  { title: 'id', cell: ({ id }) => id },
  { title: 'name', cell: ({ name }) => name },
  { title: 'host', cell: ({ host }) => host },
  { title: 'state', cell: ({ state }) => state },
  { title: 'RAM', align: 'right', cell: ({ ram_B }) => memory(ram_B) },
  { title: 'workload', cell: ({ workload }) => workload },
  { title: 'address', cell: ({ ip }) => ip },
]
