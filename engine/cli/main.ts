#!/usr/bin/env node
/** The `ferry` command. */
import { CommanderError } from 'commander'
import { describeError, exitCodeOf } from './errors.ts'
import { endWithReader, leave, say } from './output.ts'
import { createProgram } from './program.ts'

endWithReader()
let code = 0
try {
  await createProgram((result) => {
    code = result
  }).parseAsync()
} catch (thrown) {
  code = exitCodeOf(thrown)
  // Commander has said what is wrong with the command line already.
  if (!(thrown instanceof CommanderError)) say(describeError(thrown, process.argv.includes('--debug')))
}
await leave(code)
