#!/usr/bin/env node
/** The `ferry` command: starts fast, and ends with the exit code of what it was told to do (program.ts). */
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

// Compiled code is kept between calls: half the time of a short command. In the user's own folder, as it is run.
enableCompileCache(join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'ferry', 'code'))
const { fault, main } = await import('./program.ts')
const { endWithReader, leave } = await import('./output.ts')
process.on('uncaughtException', fault)
endWithReader()
await leave(await main())
