/** How a host takes guests in: what its configuration files say, whatever their syntax. */
import { FerryError } from '../../util/errors.ts'

export interface Relocation {
  /** Whether guests are taken at all. */
  readonly enabled: boolean
  /** The port that the host's network knows. */
  readonly port: number
  /** Address to listen on; empty: all of the host's. */
  readonly address: string
  /** Regular expressions of peers that may send guests; empty: all. */
  readonly hostsAllow: readonly string[]
}

/** An error at a place in a file. @param line from 1 */
export function syntaxError(path: string, line: number, what: string): FerryError {
  return new FerryError('config.syntax', `${path}, line ${line}: ${what}`, { path, line })
}

/** Addresses at which a host listens to itself only. */
export const isLoopback = (address: string): boolean => address === 'localhost' || /^127\./.test(address)
