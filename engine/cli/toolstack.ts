/** `ferry toolstack HOST`: the terminal of a host of a lab that runs. */
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import type { ControlClient } from '../lab/control-client.ts'
import { FerryError } from '../util/errors.ts'
import { editText } from './edit-text.ts'
import { EXIT } from './errors.ts'
import { withHost } from './labs.ts'
import { print } from './output.ts'

const HELP = `
A lab runs while \`ferry run\` or the app is open. Without LINE the host prompts for lines until \`exit\` or Ctrl-D; Ctrl-C
cancels the migration that a command waits for, Tab completes. \`edit FILE\` (nano, vi) opens $EDITOR. The exit code is that of the last line.
Options behind the first word of LINE are the line's.

Examples:
  ferry toolstack xen
  ferry toolstack xen xm list
  ferry toolstack kvm virsh list --all`

export function toolstackCommand(program: Command, done: (code: number) => void): void {
  program
    .command('toolstack <host> [line...]')
    .description("a host's own commands: xm or virsh, and its configuration files")
    .addHelpText('after', HELP)
    .action(async (host: string, line: string[]) => {
      const run = async (lab: ControlClient) =>
        line.length > 0 ? (await runLine(lab, host, line.join(' '))).status : prompt(lab, host)
      done(await withHost(host, run))
    })
}

interface Ran {
  /** Exit status. */
  readonly status: number
  /** Where the terminal is then. */
  readonly directory: string
}

async function runLine(lab: ControlClient, host: string, line: string, terminal?: string): Promise<Ran> {
  const { output, status, directory, next } = await lab.call('toolstack.run', { host, line, terminal })
  if (output !== '') print(output.replace(/\n$/, ''))
  if (next?.do === 'console') print(`The guest's console is in the window, and with \`ferry run\`.`)
  return { directory, status: next?.do === 'edit' ? await editFile(lab, host, next.path) : status }
}

/** What the editor leaves becomes the host's file, unless somebody else has changed that meanwhile. @returns the exit status */
async function editFile(lab: ControlClient, host: string, path: string): Promise<number> {
  const { text: before, version } = await lab.call('files.read', { host, path })
  const text = editText(before, path)
  if (text === before) return EXIT.ok
  try {
    await lab.call('files.write', { host, path, text, version })
    return EXIT.ok
  } catch (thrown) {
    print(FerryError.from(thrown).message)
    return EXIT.failed
  }
}

const HOME = '/root'
const promptAt = (host: string, directory: string) => `root@${host}:${directory === HOME ? '~' : directory}# `

async function prompt(lab: ControlClient, host: string): Promise<number> {
  const { stdin: input, stdout: output } = process
  const history = [...(await lab.call('toolstack.history', { host }))].reverse()
  // A directory of its own, whatever other terminals of the host do.
  const own = randomUUID()
  const completer = async (line: string): Promise<[string[], string]> => {
    const { from, common, candidates } = await lab.call('toolstack.complete', {
      host,
      line,
      cursor: line.length,
      terminal: own,
    })
    return [candidates.length === 1 ? [common] : candidates, line.slice(from)]
  }
  const terminal = createInterface({ input, output, history, completer, prompt: promptAt(host, HOME) })
  let status: number = EXIT.ok
  terminal.on('SIGINT', () => {
    void lab.call('toolstack.interrupt', { host, terminal: own }).then(({ cancelled }) => {
      if (cancelled === 0) terminal.close()
    })
  })
  // Lines that came through a pipe may all be there, and their end too, before the first is carried out.
  let ended = false
  terminal.on('close', () => (ended = true))
  const isEnded = () => ended
  const ask = () => {
    if (!ended) terminal.prompt()
  }
  ask()
  for await (const line of terminal) {
    if (line.trim() === 'exit') break
    // An interface that was closed takes neither, and has lines all the same.
    if (!ended) terminal.pause()
    const ran = await runLine(lab, host, line, own)
    status = ran.status
    terminal.setPrompt(promptAt(host, ran.directory))
    if (!isEnded()) terminal.resume()
    ask()
  }
  terminal.close()
  return status
}
