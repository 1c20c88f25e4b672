/** The contract's methods about toolstacks and files. */
import type { CommandResult, Completion, FileText } from '../../contract/toolstack.ts'
import type { Lab } from '../lab.ts'
import type { Runs } from '../runs.ts'
import { completeLine } from './completion.ts'
import { normalPath } from './files.ts'
import { Toolstacks } from './toolstacks.ts'

interface OfHost {
  readonly host: string
}
interface OfFile extends OfHost {
  readonly path: string
}
interface OfTerminal extends OfHost {
  readonly terminal: string
}
interface OfLine extends OfTerminal {
  readonly line: string
}

export function toolstackHandlers(lab: Lab, runs: Runs) {
  const toolstacks = new Toolstacks(lab, runs)
  return {
    'toolstack.run': ({ host, terminal, line }: OfLine): Promise<CommandResult> => toolstacks.run(host, terminal, line),
    'toolstack.complete': ({ host, terminal, line, cursor }: OfLine & { cursor: number }): Completion => {
      const { from, common, candidates } = completeLine(toolstacks.session(host, terminal), line, cursor)
      return { from, common, candidates: [...candidates] }
    },
    'toolstack.interrupt': ({ host, terminal }: OfTerminal) => ({ cancelled: toolstacks.interrupt(host, terminal) }),
    'toolstack.history': ({ host }: OfHost): string[] => [...toolstacks.toolstack(host).history],
    'files.list': ({ host }: OfHost) => toolstacks.toolstack(host).files.list,
    'files.read': ({ host, path }: OfFile): FileText => toolstacks.toolstack(host).files.read(normalPath(path)),
    'files.write': ({ host, path, text, version }: OfFile & { text: string; version?: number | undefined }) =>
      toolstacks.toolstack(host).files.write(path, text, version),
  }
}
