/** What a host's terminal has beside its toolstack: files, services, help. */
import type { Place } from '../../hypervisors/toolstack/complete.ts'
import { FerryError } from '../../util/errors.ts'
import { normalPath } from './files.ts'
import { failed, type Outcome, printed, type Session } from './session.ts'

interface ShellCommand {
  readonly usage: string
  readonly help: string
  /** What its operands are; the last may come again. */
  readonly takes: readonly Place[]
  run(session: Session, words: readonly string[]): Outcome | Promise<Outcome>
}

const at = ({ directory }: Session, path: string): string => normalPath(path, directory)

function edit(session: Session, words: readonly string[]): Outcome {
  if (words.length !== 1) return failed('usage: edit FILE\n', 2)
  const path = at(session, words[0])
  if (session.files.isDirectory(path)) return failed(`${path} is a directory\n`)
  return { ...printed(''), next: { do: 'edit', path } }
}

const EDIT: ShellCommand = { usage: 'FILE', help: 'open a file in the editor', takes: ['file'], run: edit }

export const SHELL_COMMANDS: Readonly<Record<string, ShellCommand>> = {
  cat: {
    usage: 'FILE...',
    help: 'print files',
    takes: ['file'],
    run: (session, words) =>
      each(words, 'cat', (word) => {
        const path = at(session, word)
        if (session.files.isDirectory(path)) throw new FerryError('shell', `${word}: Is a directory`)
        return textOf(session, word)
      }),
  },
  cd: {
    usage: '[DIRECTORY]',
    help: 'change the working directory',
    takes: ['directory'],
    run: (session, [word = '/root']) => {
      const path = at(session, word)
      if (!session.files.isDirectory(path)) return failed(`bash: cd: ${word}: ${missing(session, path)}\n`)
      session.directory = path
      return printed('')
    },
  },
  clear: { usage: '', help: 'clear the terminal', takes: [], run: () => ({ ...printed(''), next: { do: 'clear' } }) },
  cp: {
    usage: 'FILE FILE',
    help: 'copy a file',
    takes: ['file'],
    run: async (session, words) => {
      if (words.length !== 2) return failed('usage: cp FILE FILE\n')
      await session.files.write(into(session, words[1], words[0]), textOf(session, words[0]))
      return printed('')
    },
  },
  edit: EDIT,
  exit: { usage: '', help: 'leave this terminal', takes: [], run: () => ({ ...printed(''), next: { do: 'exit' } }) },
  history: {
    usage: '',
    help: 'lines given before',
    takes: [],
    run: ({ history }) => printed(history.map((line, i) => `${String(i + 1).padStart(5)}  ${line}\n`).join('')),
  },
  hostname: { usage: '', help: 'name of this host', takes: [], run: ({ host }) => printed(`${host.name}\n`) },
  ls: {
    usage: '[PATH...]',
    help: 'list files',
    takes: ['file'],
    run: (session, words) =>
      each(words.filter((word) => !word.startsWith('-')).concat(words.length === 0 ? ['.'] : []), 'ls', (word) => {
        const path = at(session, word)
        if (session.files.isDirectory(path))
          return session.files
            .names(path)
            .map((name) => `${name}\n`)
            .join('')
        if (session.files.has(path)) return `${word}\n`
        throw new FerryError('shell', `cannot access '${word}': No such file or directory`)
      }),
  },
  nano: EDIT,
  pwd: { usage: '', help: 'print the working directory', takes: [], run: ({ directory }) => printed(`${directory}\n`) },
  rm: {
    usage: 'FILE...',
    help: 'remove files',
    takes: ['file'],
    run: (session, words) =>
      each(words, 'rm', (word) => {
        const path = at(session, word)
        if (!session.files.has(path))
          throw new FerryError('shell', `cannot remove '${word}': ${missing(session, path)}`)
        session.files.remove(path)
        return ''
      }),
  },
  scp: {
    usage: 'FILE [root@]HOST:PATH',
    help: 'copy a file to or from another host',
    takes: ['remote-file'],
    run: scp,
  },
  vi: EDIT,
}

/** Carries out for each word; a word that fails spoils the status, not the others. */
function each(words: readonly string[], command: string, one: (word: string) => string): Outcome {
  let status = 0
  const output = words.map((word) => {
    try {
      return one(word)
    } catch (thrown) {
      status = 1
      return `${command}: ${FerryError.from(thrown).message}\n`
    }
  })
  return { output: output.join(''), status, next: null }
}

const missing = ({ files }: Session, path: string): string =>
  files.has(path) ? 'Not a directory' : files.isDirectory(path) ? 'Is a directory' : 'No such file or directory'

function textOf(session: Session, word: string): string {
  const path = at(session, word)
  if (!session.files.has(path)) throw new FerryError('shell', `${word}: ${missing(session, path)}`)
  return session.files.read(path).text
}

/** The path to write to: in a directory under the name of what is copied. */
function into(session: Session, to: string, from: string, files = session.files): string {
  const path = normalPath(to === '' ? '.' : to, files === session.files ? session.directory : '/root')
  return files.isDirectory(path) || to.endsWith('/') ? normalPath(from.split('/').at(-1) ?? from, path) : path
}

async function scp(session: Session, words: readonly string[]): Promise<Outcome> {
  const [from, to] = words.filter((word) => !word.startsWith('-'))
  if (words.length < 2 || from === undefined || to === undefined) return failed('usage: scp FILE [root@]HOST:PATH\n')
  const source = remote(from)
  const target = remote(to)
  for (const end of [source, target]) {
    if (end.host !== null && !session.lab.hosts.has(end.host)) {
      return failed(`ssh: Could not resolve hostname ${end.host}: Name or service not known\nlost connection\n`)
    }
  }
  const fromFiles = source.host === null ? session.files : session.filesOf(source.host)
  const toFiles = target.host === null ? session.files : session.filesOf(target.host)
  const path = normalPath(source.path, source.host === null ? session.directory : '/root')
  if (!fromFiles.has(path)) return failed(`scp: ${source.path}: No such file or directory\n`)
  const { text } = fromFiles.read(path)
  await toFiles.write(into(session, target.path, source.path, toFiles), text)
  const name = path.split('/').at(-1) ?? path
  return printed(`${name.padEnd(40)} 100% ${String(Buffer.byteLength(text)).padStart(6)}\n`)
}

/** `[USER@]HOST:PATH`, or a path of this host. */
function remote(word: string): { host: string | null; path: string } {
  const match = /^(?:[^@/:]+@)?([^@/:]+):(.*)$/.exec(word)
  return match === null ? { host: null, path: word } : { host: match[1], path: match[2] }
}
