/** Stages 0 and 1 at the source: may the guest go there, by which algorithm, and is there room for it. */
import { FerryError } from '../util/errors.ts'
import { refused } from './compatibility.ts'
import type { Deadlines } from './deadlines.ts'
import type { LinkSpec } from './link.ts'
import { ALGORITHM_NAMES, algorithmOf } from './policy/pool.ts'
import type { Algorithm } from './policy/pool.ts'
import type { Connection } from './protocol/connection.ts'
import { IMPLIED, acceptedSavings, offeredSavings } from './saving/savings.ts'
import type { Saving } from './saving/savings.ts'
import type { SourceOptions } from './source-options.ts'

export interface Agreed {
  readonly algorithm: Algorithm
  /** Whether the target takes rehearsals. */
  readonly rehearses: boolean
  /** Savings of page transfer that both sides know and the user wants. */
  readonly savings: readonly Saving[]
}

/**
 * Stage 0, pre-migration: asks the target.
 * @throws FerryError `refused.*`, `protocol.identity`, `protocol.algorithm`, `protocol.savings`
 */
export async function request(
  connection: Connection,
  options: SourceOptions,
  deadlines: Deadlines,
  link: LinkSpec,
): Promise<Agreed> {
  const { session, host, guest, formatVersion, algorithms, verify, clock, target } = options
  const offered = options.savings === undefined ? undefined : offeredSavings(options.savings)
  const body = {
    session,
    source: host,
    guest,
    formatVersion,
    algorithms: [...(algorithms ?? ALGORITHM_NAMES)],
    verify: verify ?? 'none',
    clock: clock ?? 'continue',
    link: link.text,
    ...(offered === undefined ? {} : { savings: offered }),
  }
  await connection.send({ type: 'MIG_REQ', body }, deadlines.answerMs)
  const answer = await connection.receive(['REQ_OK', 'REQ_FAIL'], deadlines.answerMs, 'request')
  if (answer.type === 'REQ_FAIL') throw refused(answer.body)
  if (answer.body.target.name !== target.name) {
    throw new FerryError('protocol.identity', `${answer.body.target.name} answered in place of ${target.name}.`)
  }
  const algorithm = algorithmOf(answer.body.algorithm)
  if (algorithm === undefined || !body.algorithms.includes(answer.body.algorithm as never)) {
    throw new FerryError('protocol.algorithm', `The target chose ${answer.body.algorithm}, which was not offered.`)
  }
  const savings = offered === undefined ? IMPLIED : acceptedSavings(answer.body.savings, offered)
  return { algorithm, rehearses: answer.body.rehearsal, savings }
}

/**
 * Stage 1, reservation: has the container built.
 * @returns what a further connection has to say, where pages will be pulled
 * @throws FerryError `refused.*`, `protocol.channel`
 */
export async function configure(
  connection: Connection,
  options: SourceOptions,
  deadlines: Deadlines,
  algorithm: Algorithm,
): Promise<string | undefined> {
  const { settings, extras } = options
  const { reserveMs, answerMs } = deadlines
  const body = { algorithm: algorithm.name, machine: settings, extras: extras ?? {} }
  await connection.send({ type: 'MIG_CFG', body }, answerMs)
  const answer = await connection.receive(['CFG_OK', 'CFG_FAIL'], reserveMs + answerMs, 'reservation')
  if (answer.type === 'CFG_FAIL') throw refused(answer.body)
  const { channel } = answer.body
  if (algorithm.mechanism.pull !== (channel !== undefined)) {
    throw new FerryError(
      'protocol.channel',
      `${options.target.name} did not say where pages are pulled, or did for none.`,
    )
  }
  return channel
}
