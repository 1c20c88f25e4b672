/** A host's toolstack: its terminal and its configuration files. */
import * as v from 'valibot'

const host = v.pipe(v.string(), v.minLength(1), v.maxLength(32))
/** Which of a host's terminals: each has its working directory, and its Ctrl-C ends what its own commands wait for. */
const terminal = v.optional(
  v.pipe(v.string(), v.regex(/^[\w-]{1,40}$/, 'a terminal has 1 to 40 of A-Z, a-z, 0-9, _ and -')),
  'main',
)
const line = v.pipe(v.string(), v.maxLength(1000))
/** Absolute. */
const path = v.pipe(v.string(), v.regex(/^\/[^\0]{0,254}$/, 'a path begins with / and has up to 255 characters'))

/** A file's text, and which one it is of those it has had. */
export const fileText = v.object({
  path: v.string(),
  text: v.string(),
  version: v.number(),
})
export type FileText = v.InferOutput<typeof fileText>

export const commandResult = v.object({
  /** What the command printed, errors included; lines end in LF. */
  output: v.string(),
  /** Exit status; 0 = done. */
  status: v.number(),
  /** Where the user's shell is now. */
  directory: v.string(),
  /** What a terminal does next: nothing, connect to a guest's console, edit a file, clear itself, or end. */
  next: v.nullable(
    v.variant('do', [
      v.object({ do: v.literal('console'), guest: v.string() }),
      v.object({ do: v.literal('edit'), path: v.string() }),
      v.object({ do: v.literal('clear') }),
      v.object({ do: v.literal('exit') }),
    ]),
  ),
})
export type CommandResult = v.InferOutput<typeof commandResult>

export const completion = v.object({
  /** Where in the line the word begins that is completed, in UTF-16 units. */
  from: v.number(),
  /** What can be put from there to the cursor, whichever candidate is meant: as far as they agree, quoted, and with a space behind it where there is one only. */
  common: v.string(),
  /** Words that may stand there, quoted, in order; directories end in `/`. */
  candidates: v.array(v.string()),
})
export type Completion = v.InferOutput<typeof completion>

export const TOOLSTACK_METHODS = {
  /** Carries out a line on a host. Errors of commands are in the output, with their exit status; a migration takes its time. */
  'toolstack.run': { input: v.object({ host, line, terminal }), output: commandResult },
  /** What may come at a place of a line: commands, options, domains, hosts, files. Nothing is carried out. */
  'toolstack.complete': {
    input: v.object({
      host,
      line,
      /** In UTF-16 units; what stands behind it is not looked at. */
      cursor: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1000)),
      terminal,
    }),
    output: completion,
  },
  /** Ctrl-C: cancels the migrations that commands of this terminal are waiting for. */
  'toolstack.interrupt': { input: v.object({ host, terminal }), output: v.object({ cancelled: v.number() }) },
  /** Lines given before in any terminal of the host, the oldest first. */
  'toolstack.history': { input: v.object({ host }), output: v.array(v.string()) },
  'files.list': { input: v.object({ host }), output: v.array(v.object({ path: v.string(), version: v.number() })) },
  'files.read': { input: v.object({ host, path }), output: fileText },
  /**
   * Configuration takes effect when it is written; what is not valid is refused (`config.*`, with its `line`), and what
   * was before stays.
   */
  'files.write': {
    input: v.object({
      host,
      path,
      text: v.pipe(v.string(), v.maxLength(65_536)),
      /** The version that was read; `files.changed` where there is another one since. Absent: whatever there is. */
      version: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
    }),
    output: fileText,
  },
} as const
