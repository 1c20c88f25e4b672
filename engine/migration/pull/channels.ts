/**
 * Further connections of migrations that come in: the one on which missing pages are asked for, and those that follow
 * after a cut. Each belongs to a session by a token, which only the source of that session was told.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { FerryError } from '../../util/errors.ts'
import type { Connection } from '../protocol/connection.ts'
import type { Body } from '../protocol/schemas.ts'

export type Purpose = Body<'CHANNEL'>['purpose']
type Taker = (connection: Connection, purpose: Purpose) => void

export class Channels {
  readonly #takers = new Map<string, { readonly token: Buffer; readonly take: Taker }>()

  /** Expects connections of a session. Returns the token that they have to bring, and the way to expect no more. */
  expect(session: string, take: Taker): { readonly token: string; readonly end: () => void } {
    const token = randomBytes(16)
    this.#takers.set(session, { token, take })
    return { token: token.toString('hex'), end: () => this.#takers.delete(session) }
  }

  /**
   * Hands a connection over to its session.
   * @throws FerryError `refused.channel` for one that nobody expects, or whose token is wrong
   */
  join(connection: Connection, { session, channel, purpose }: Body<'CHANNEL'>): void {
    const expected = this.#takers.get(session)
    if (expected === undefined || !timingSafeEqual(expected.token, Buffer.from(channel, 'hex'))) {
      throw new FerryError('refused.channel', 'No migration that comes in here expects this connection.')
    }
    expected.take(connection, purpose)
  }
}
