/** `ferry serve`: the lab in a web browser of this computer. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Command, Option } from 'commander'
import { type ControlServer, serveControl } from '../lab/control.ts'
import { builtPage } from '../serve/built-page.ts'
import { serveWeb, type WebServer } from '../serve/web-server.ts'
import { asFerryError, EXIT } from './errors.ts'
import { Interrupts } from './interrupts.ts'
import { recordLabOption, storeOption, whole } from './options.ts'
import { print, say } from './output.ts'
import { addHosts, openLab, recordLab } from './session.ts'

interface ServeOptions {
  readonly port: number
  readonly recordLab?: string
  readonly store?: string
  readonly build: boolean
  readonly open?: true
  readonly seed: number
}

const PROJECT = fileURLToPath(new URL('../../', import.meta.url))

const HELP = `
Opens a lab with two hosts, xen and kvm, and serves the app to browsers of this computer: nobody else can reach it. The
address, which is printed on stdout, holds a token that is new with every start; treat it as a password.
Meanwhile \`ferry hosts\` and \`ferry guests\` in another terminal see this lab. Ctrl-C ends it, and its guests.

Exit codes: 0 ended by Ctrl-C, 1 it could not be started, 2 wrong usage, 130 interrupted before it was ready.

Examples:
  ferry serve --open
  ferry serve --port 8080 --store ./class.sqlite`

export function serveCommand(program: Command, done: (code: number) => void): void {
  program
    .command('serve')
    .description('the lab in a web browser')
    .addOption(new Option('--port <n>', 'port on 127.0.0.1; 0 = any').default(0).argParser(whole(0, 65_535)))
    .addOption(recordLabOption())
    .addOption(storeOption())
    .addOption(new Option('--no-build', 'serve the page as it was built last'))
    .addOption(new Option('--open', 'open it in the browser'))
    .addOption(
      new Option('--seed <n>', 'seeds whatever is random')
        .default(1)
        .argParser(whole(0, Number.MAX_SAFE_INTEGER - 1000)),
    )
    .addHelpText('after', HELP)
    .action(async (options: ServeOptions) => done(await serve(options)))
}

async function serve(options: ServeOptions): Promise<number> {
  const interrupts = new Interrupts()
  const stopped = new Promise<void>((resolve) => interrupts.on(resolve))
  const root = await interrupts.orInterrupted(builtPage(PROJECT, { build: options.build, note: say }))
  const service = await openLab(options.store, options.seed, say)
  await recordLab(service, options.recordLab, 'ferry serve')
  let control: ControlServer | null = null
  let web: WebServer | null = null
  try {
    await addHosts(service, { from: 'xen' })
    web = await serveWeb(service, { root, port: options.port })
    control = await serveControl(service).catch((thrown: unknown) => {
      say(`ferry: ${asFerryError(thrown).message}`)
      return null
    })
    say('The lab is open. Ctrl-C ends it.')
    print(web.url)
    if (options.open === true) openBrowser(web.url)
    await stopped
    return EXIT.ok
  } finally {
    await Promise.all([web?.close(), control?.close()])
    await service.close()
    interrupts.close()
  }
}

function openBrowser(url: string): void {
  const commands: Partial<Record<NodeJS.Platform, [string, ...string[]]>> = {
    darwin: ['open', url],
    win32: ['rundll32', 'url.dll,FileProtocolHandler', url],
  }
  const [command, ...args] = commands[process.platform] ?? ['xdg-open', url]
  const child = spawn(command, args, { stdio: 'ignore', detached: true })
  child.on('error', () => say('No browser could be opened. Open the address yourself.'))
  child.unref()
}
