/** What guest images there are and how to talk to them: the schema and loader of `manifest.json`. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { ImageError } from './errors.ts'

const text = v.pipe(v.string(), v.minLength(1))
const megabytes = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(3072))
const pattern = v.pipe(
  text,
  v.check((source) => {
    try {
      return new RegExp(source) instanceof RegExp
    } catch {
      return false
    }
  }, 'not a regular expression'),
)
/** A serial command; it is sent as one line. */
const command = v.pipe(text, v.regex(/^[^\r\n]+$/))

/** Names are also folder names. */
export const imageNameSchema = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'a name has 1 to 32 of a-z, 0-9 and -'),
)

const parameterSchema = v.variant('type', [
  v.pipe(
    v.strictObject({
      type: v.literal('number'),
      title: text,
      summary: text,
      /** E.g. `pages/s`. */
      unit: text,
      default: v.number(),
      minimum: v.number(),
      maximum: v.number(),
    }),
    v.check((p) => p.minimum <= p.default && p.default <= p.maximum, 'the default lies outside its bounds'),
  ),
  v.pipe(
    v.strictObject({
      type: v.literal('choice'),
      title: text,
      summary: text,
      default: text,
      values: v.array(v.pipe(v.string(), v.regex(/^\w+$/))),
    }),
    v.check((p) => p.values.includes(p.default), 'the default is not one of the values'),
  ),
])

const workloadSchema = v.pipe(
  v.strictObject({
    name: imageNameSchema,
    title: text,
    /** What it does to the guest, in a sentence. */
    summary: text,
    /** Serial command; `{name}` stands for a parameter. */
    start: command,
    stop: command,
    parameters: v.record(v.string(), parameterSchema),
  }),
  v.check(
    (w) => [...placeholders(w.start)].sort().join() === Object.keys(w.parameters).sort().join(),
    'the parameters are not those the start command names',
  ),
)

export const guestImageSchema = v.strictObject({
  name: imageNameSchema,
  kind: v.picklist(['multiboot', 'linux']),
  title: text,
  summary: text,
  origin: text,
  release: text,
  licence: text,
  source: v.variant('type', [
    /** A file of this folder; `lock` holds its `sha256`. */
    v.strictObject({ type: v.literal('file'), path: text, lock: text }),
    /** Built from packages; `lock` lists them. */
    v.strictObject({ type: v.literal('debian'), lock: text }),
  ]),
  memory: v.pipe(
    v.strictObject({ minimumMb: megabytes, defaultMb: megabytes }),
    v.check((m) => m.minimumMb <= m.defaultMb, 'the default is below the minimum'),
  ),
  /** `base` is the command line, or `@linux` for the one `linux/cmdline.ts` explains; the others are added when known. */
  commandLine: v.strictObject({ base: v.string(), address: text, gateway: v.optional(text) }),
  shell: v.strictObject({ prompt: text, ready: pattern }),
  network: v.strictObject({
    ping: v.boolean(),
    udpEcho: v.optional(v.number()),
    web: v.optional(v.number()),
    /** Serial command that gives a guest that runs already its address and MAC; `{ip}`, `{bits}`, `{mac}`. */
    configure: v.optional(command),
  }),
  selfCheck: v.strictObject({ command, ok: pattern, failed: pattern }),
  heartbeat: v.strictObject({ start: command, stop: command, line: pattern, minimumMs: v.number() }),
  workloads: v.array(workloadSchema),
  /** Serial command that brings the drivers of its disk up, where it has one. */
  diskUp: v.optional(command),
  /** Commands after which no workload runs. */
  stopAll: v.array(command),
})

export const manifestSchema = v.pipe(
  v.strictObject({ version: v.literal(1), images: v.array(guestImageSchema) }),
  v.check((m) => new Set(m.images.map((image) => image.name)).size === m.images.length, 'an image name is there twice'),
)

export type GuestImage = v.InferOutput<typeof guestImageSchema>
export type Workload = v.InferOutput<typeof workloadSchema>
export type Manifest = v.InferOutput<typeof manifestSchema>

/** The folder the manifest's paths are relative to. */
export const imagesDirectory = fileURLToPath(new URL('./', import.meta.url))

/** Reads and checks the manifest. Throws {@link ImageError} `invalid`. */
export async function loadManifest(): Promise<Manifest> {
  return parseManifest(await readFile(join(imagesDirectory, 'manifest.json'), 'utf8'))
}

/** Checks a manifest's text. Throws {@link ImageError} `invalid` with the place that is wrong. */
export function parseManifest(json: string): Manifest {
  let data: unknown
  try {
    data = JSON.parse(json)
  } catch (cause) {
    throw new ImageError('invalid', 'The image manifest is not JSON.', { cause })
  }
  const parsed = v.safeParse(manifestSchema, data)
  if (parsed.success) return parsed.output
  const issue = parsed.issues[0]
  throw new ImageError(
    'invalid',
    `The image manifest is wrong at ${v.getDotPath(issue) ?? 'its top'}: ${issue.message}.`,
  )
}

/**
 * The serial command that starts a workload, parameters filled in; those not given take their defaults.
 * Throws RangeError on a parameter the workload does not have or a value it does not take.
 */
export function startCommand(workload: Workload, values: Readonly<Record<string, string | number>> = {}): string {
  for (const name of Object.keys(values)) {
    if (!Object.hasOwn(workload.parameters, name))
      throw new RangeError(`The workload "${workload.name}" has no parameter "${name}".`)
  }
  return workload.start.replace(/\{(\w+)\}/g, (_, name: string) => {
    const parameter = workload.parameters[name]
    const value = values[name] ?? parameter?.default
    if (parameter?.type === 'choice' && typeof value === 'string' && parameter.values.includes(value)) return value
    if (
      parameter?.type === 'number' &&
      typeof value === 'number' &&
      Number.isInteger(value) &&
      value >= parameter.minimum &&
      value <= parameter.maximum
    ) {
      return String(value)
    }
    throw new RangeError(`"${String(value)}" is no value for "${name}" of the workload "${workload.name}".`)
  })
}

function placeholders(line: string): Set<string> {
  return new Set([...line.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? ''))
}
