/**
 * The critical window of a migration, from the stop of the vCPU to the first instruction on the target, as stretches of
 * time on one axis: what each side did when, and what was on its way. What no stretch covers is a wait.
 */
import * as v from 'valibot'

export const LANES = ['source', 'link', 'target'] as const
export type Lane = (typeof LANES)[number]

interface SpanKind {
  readonly lane: Lane
  /** The stretch that it is a part of. */
  readonly inside?: CriticalSpanName
  readonly title: string
  readonly means: string
}

/** In the order in which they begin in most migrations. */
const KINDS = {
  stop: { lane: 'source', title: 'stop', means: "From the vCPU's stop until the host's service knows of it." },
  notice: { lane: 'source', inside: 'stop', title: 'notice', means: 'The vCPU stopped by itself; the order followed.' },
  last_pages: { lane: 'source', inside: 'stop', title: 'last pages', means: 'Collecting the pages still dirty.' },
  capture: { lane: 'source', inside: 'stop', title: 'capture', means: 'Reading CPU and devices out of the machine.' },
  answer: { lane: 'source', inside: 'stop', title: 'answer', means: "From the vCPU's thread to the service's." },
  bulk: { lane: 'source', title: 'bulk', means: 'Reading and sending pages that were too many to come along.' },
  pack: { lane: 'source', title: 'pack', means: "State to the source's native records and to the common format." },
  encode: { lane: 'source', title: 'encode', means: 'Last pages to what travels of them, and what will be missing.' },
  write: { lane: 'source', title: 'write', means: 'Frames, with their checksums, to the socket.' },
  state_way: { lane: 'link', title: 'state', means: 'From the write until the first of it is taken at the target.' },
  receive: { lane: 'target', title: 'receive', means: 'Taking and decoding the last pages and the state.' },
  unpack: { lane: 'target', title: 'unpack', means: "Common format to the target's native records and to state." },
  restore: { lane: 'target', title: 'restore', means: 'Last pages and state into the machine, its thread included.' },
  restore_pages: { lane: 'target', inside: 'restore', title: 'pages', means: 'Writing the last pages.' },
  restore_state: { lane: 'target', inside: 'restore', title: 'state', means: 'Setting CPU and devices.' },
  ready: { lane: 'target', title: 'ready', means: 'What a pull needs is set up; READY is written.' },
  ready_way: { lane: 'link', title: 'READY', means: 'From its write until the source takes it.' },
  commit: { lane: 'source', title: 'commit', means: 'The lease is handed over; COMMIT is written.' },
  commit_way: { lane: 'link', title: 'COMMIT', means: 'From its write until the target gives the order to run.' },
  resume: { lane: 'target', title: 'resume', means: 'From the order to run until the first instruction.' },
} as const satisfies Record<string, { lane: Lane; inside?: string; title: string; means: string }>

export type CriticalSpanName = keyof typeof KINDS
export const CRITICAL_SPANS: Readonly<Record<CriticalSpanName, SpanKind>> = KINDS
/** All names, in the table's order. */
export const CRITICAL_SPAN_NAMES = Object.keys(KINDS) as CriticalSpanName[]

const ms = v.pipe(v.number(), v.finite(), v.minValue(0))

export const criticalWindow = v.object({
  /**
   * `one`: the target's instants fit between the messages on the source's clock, as they do where both hosts are in one
   * process or on one machine. `aligned`: they do not, and were moved so that the ways there and back are equally long.
   * `source`: the target told none; its stretches are missing.
   */
  clock: v.picklist(['one', 'aligned', 'source']),
  /** Since the vCPU stopped; the comparison of memories is cut out. None reaches beyond the downtime. */
  spans: v.pipe(
    v.array(v.object({ name: v.picklist(CRITICAL_SPAN_NAMES), from_ms: ms, to_ms: ms })),
    v.maxLength(CRITICAL_SPAN_NAMES.length),
  ),
})
export type CriticalWindow = v.InferOutput<typeof criticalWindow>
export type CriticalSpan = CriticalWindow['spans'][number]

/** What the clocks allow to say, as a sentence. */
export const CLOCK_NOTES: Readonly<Record<CriticalWindow['clock'], string>> = {
  one: 'Both hosts were on one clock.',
  aligned: 'The hosts have clocks of their own: the target’s times are moved so that both ways are equally long.',
  source: 'The target told no times: only the source’s side is shown.',
}
