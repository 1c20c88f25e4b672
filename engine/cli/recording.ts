/** `ferry recording`: what is in a recording, and whether it is sound. */
import { open, readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { type Outline, outlineOf } from '../lab/recordings/recording-files.ts'
import { MAX_FILE_BYTES, type Recording, readRecording } from '../recording/read.ts'
import { FerryError } from '../util/errors.ts'
import { EXIT } from './errors.ts'
import { count, ms, plural } from './format.ts'
import { jsonOption } from './options.ts'
import { print, printJson } from './output.ts'
import { summaryOf, summaryText } from './recording-view.ts'

const HELP = `
\`check\` reads the whole file: 0 where it is complete and all of it is understood, else 1, with the reasons.
A recording that was cut off, by a crash say, can be shown and played as far as it goes.
Exit codes: 0 done, 1 it is not sound, or cannot be read, 2 wrong usage.

Examples:
  ferry recording show lesson.ferryrec
  ferry recording check lesson.ferryrec`

interface Options {
  readonly json?: true
}

export function recordingCommand(program: Command, done: (code: number) => void): void {
  const recording = program
    .command('recording')
    .description('what is in a recording of a lab, and whether it is sound')
    .addHelpText('after', HELP)
  recording
    .command('show <file>')
    .description('title, chapters, what it tells, how its size is made up')
    .addOption(jsonOption('the summary'))
    .action(async (file: string, options: Options) => {
      const { recording, outline } = await openFile(file)
      const summary = summaryOf(recording, outline)
      if (options.json === true) printJson(summary)
      else print(summaryText(file, summary))
      done(EXIT.ok)
    })
  recording
    .command('check <file>')
    .description('read all of it, and say what is wrong')
    .addOption(jsonOption('the verdict'))
    .action(async (file: string, options: Options) => {
      const { recording, outline } = await openFile(file)
      const problems = problemsOf(recording, outline)
      const { duration_ms, entries } = recording
      if (options.json === true)
        printJson({ ok: problems.length === 0, problems, duration_ms, entries: entries.length })
      else {
        const words = problems.length === 0 ? 'complete' : 'NOT SOUND'
        print(`${file}: ${words}, ${ms(duration_ms)}, ${count(entries.length)} entries`)
        for (const problem of problems) print(`  ${problem}`)
      }
      done(problems.length === 0 ? EXIT.ok : EXIT.failed)
    })
}

function problemsOf({ complete, not_understood }: Recording, outline: Outline): string[] {
  const rest_B = outline.size_B - outline.whole_B
  return [
    ...(outline.complete ? [] : ['It was cut off: its end is missing.']),
    ...(rest_B > 0 ? [`${plural(rest_B, 'byte')} after its last whole part are left out.`] : []),
    ...(outline.complete && !complete ? ['A part is damaged, and is left out.'] : []),
    ...(not_understood > 0 ? [`${plural(not_understood, 'entry')} of another version, or damaged, are left out.`] : []),
  ]
}

/** @throws FerryError `recording.*` */
async function openFile(path: string): Promise<{ recording: Recording; outline: Outline }> {
  const file = await open(path, 'r').catch((thrown: unknown) => {
    throw new FerryError(
      'recording.open',
      `${path} cannot be opened: ${FerryError.from(thrown).message}`,
      { path },
      thrown,
    )
  })
  try {
    const { size } = await file.stat()
    if (size > MAX_FILE_BYTES) {
      throw new FerryError(
        'recording.too-large',
        `${path} has more than ${MAX_FILE_BYTES >> 20} MiB; it is not opened.`,
      )
    }
    return { recording: await readRecording(await readFile(path)), outline: await outlineOf(file) }
  } finally {
    await file.close()
  }
}
