/** The contract's methods about toolstacks and files. */
import type { CommandResult, FileText } from '../../contract/toolstack.ts'
import type { Lab } from '../lab.ts'
import type { Runs } from '../runs.ts'
import { normalPath } from './files.ts'
import { Toolstacks } from './toolstacks.ts'

interface OfHost {
  readonly host: string
}
interface OfFile extends OfHost {
  readonly path: string
}

export function toolstackHandlers(lab: Lab, runs: Runs) {
  const toolstacks = new Toolstacks(lab, runs)
  return {
    'toolstack.run': ({ host, line }: OfHost & { line: string }): Promise<CommandResult> => toolstacks.run(host, line),
    'toolstack.interrupt': ({ host }: OfHost) => ({ cancelled: toolstacks.interrupt(host) }),
    'toolstack.history': ({ host }: OfHost): string[] => [...toolstacks.session(host).history],
    'files.list': ({ host }: OfHost) => toolstacks.session(host).files.list,
    'files.read': ({ host, path }: OfFile): FileText => toolstacks.session(host).files.read(normalPath(path)),
    'files.write': ({ host, path, text, version }: OfFile & { text: string; version?: number | undefined }) =>
      toolstacks.session(host).files.write(path, text, version),
  }
}
