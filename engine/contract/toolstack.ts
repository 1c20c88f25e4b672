/** A host's toolstack: its terminal and its configuration files. */
import * as v from 'valibot'

const host = v.pipe(v.string(), v.minLength(1), v.maxLength(32))
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
  /** What a terminal does next: nothing, connect to a guest's console, edit a file, or clear itself. */
  next: v.nullable(
    v.variant('do', [
      v.object({ do: v.literal('console'), guest: v.string() }),
      v.object({ do: v.literal('edit'), path: v.string() }),
      v.object({ do: v.literal('clear') }),
    ]),
  ),
})
export type CommandResult = v.InferOutput<typeof commandResult>

export const TOOLSTACK_METHODS = {
  /** Carries out a line on a host. Errors of commands are in the output, with their exit status; a migration takes its time. */
  'toolstack.run': { input: v.object({ host, line: v.pipe(v.string(), v.maxLength(1000)) }), output: commandResult },
  /** Ctrl-C: cancels the migrations that commands of this host are waiting for. */
  'toolstack.interrupt': { input: v.object({ host }), output: v.object({ cancelled: v.number() }) },
  /** Lines given before, the oldest first. */
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
