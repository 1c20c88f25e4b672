/** `ferry verify-stream`: checks a recorded migration with a parser of its own. */
import type { Command } from 'commander'
import { type StreamVerdict, verifyFile } from '../migration/verify-stream.ts'
import { EXIT } from './errors.ts'
import { count, traffic } from './format.ts'
import { jsonOption } from './options.ts'
import { print, printJson } from './output.ts'
import { pairs, printable, table, type Column } from './table.ts'

/** A file that is wrong at one place is often wrong at thousands. */
const PROBLEMS_SHOWN = 20

const HELP = `
The recording is what \`ferry migrate --record FILE\` kept: both directions of all connections. Checked are framing, order of
messages and stages, that every page is there, and that none came after its last version.
Exit codes: 0 the stream is right, 1 it is not (the reasons are printed) or cannot be read, 2 wrong usage.

Example:
  ferry migrate --guest labos --record stream.ferry && ferry verify-stream stream.ferry`

export function verifyStreamCommand(program: Command, done: (code: number) => void): void {
  program
    .command('verify-stream <file>')
    .description('check a recorded migration stream')
    .addOption(jsonOption('the verdict'))
    .addHelpText('after', HELP)
    .action(async (file: string, options: { json?: true }) => {
      const verdict = await verifyFile(file)
      if (options.json === true) printJson(verdict)
      else print(verdictText(file, verdict))
      done(verdict.ok ? EXIT.ok : EXIT.failed)
    })
}

function verdictText(file: string, verdict: StreamVerdict): string {
  const { problems, frames, bytes } = verdict
  const lines = [
    `${file}: ${verdict.ok ? 'right' : 'WRONG'}, the migration ${OUTCOMES[verdict.outcome]}`,
    pairs([
      ['session', verdict.session],
      ['algorithm', verdict.algorithm],
      ['rounds', String(verdict.rounds)],
      ['source → target', `${count(frames.source_to_target)} messages, ${traffic(bytes.source_to_target)}`],
      ['target → source', `${count(frames.target_to_source)} messages, ${traffic(bytes.target_to_source)}`],
      ...savingsRow(verdict),
      ['CPU and devices', `${count(verdict.state_bytes)} B in the common format`],
    ]),
  ]
  if (verdict.blocks.length > 0) lines.push('', table(BLOCKS, verdict.blocks, '  '))
  if (problems.length > 0) lines.push('', ...problems.slice(0, PROBLEMS_SHOWN).map((line) => `  ${printable(line)}`))
  if (problems.length > PROBLEMS_SHOWN) lines.push(`  and ${count(problems.length - PROBLEMS_SHOWN)} more`)
  return lines.join('\n')
}

function savingsRow({ savings }: StreamVerdict): [string, string][] {
  const { agreed, delta_pages, compressed_frames } = savings
  if (agreed.length === 0) return []
  return [
    [
      'savings',
      `${agreed.join(', ')}: ${count(delta_pages)} pages as deltas, ${count(compressed_frames)} messages compressed`,
    ],
  ]
}

const OUTCOMES: Readonly<Record<StreamVerdict['outcome'], string>> = {
  completed: 'completed',
  aborted: 'was aborted',
  refused: 'was refused',
  cut: 'is cut off',
}

const BLOCKS: readonly Column<StreamVerdict['blocks'][number]>[] = [
  { title: 'memory', cell: ({ name }) => name },
  { title: 'pages', align: 'right', cell: ({ pages }) => count(pages) },
  { title: 'pages sent', align: 'right', cell: ({ pages_sent }) => count(pages_sent) },
  { title: 'of them again', align: 'right', cell: ({ pages_retransmitted }) => count(pages_retransmitted) },
  { title: 'after a cut', align: 'right', cell: ({ pages_resent }) => count(pages_resent) },
  { title: 'of zeros', align: 'right', cell: ({ zero_pages }) => count(zero_pages) },
]
