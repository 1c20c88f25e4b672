/** How long each wait may take, in ms. Tests inject short ones. */
export interface Deadlines {
  /** TCP connection to the target. */
  readonly connectMs: number
  /** No byte from the peer, keep-alives included, while one is awaited. */
  readonly idleMs: number
  /** An answer that needs no work: REQ_OK, CFG_OK after the reservation, ACK's arrival beyond the data before it. */
  readonly answerMs: number
  /** The next message of the stream, keep-alives not counted. Covers a full page frame on the slowest link. */
  readonly progressMs: number
  /** Building the container on the target. */
  readonly reserveMs: number
  /** One call of a machine. */
  readonly machineMs: number
  /** From the last byte sent to READY: the link, and loading. */
  readonly readyMs: number
  /** The comparison of all pages. */
  readonly verifyMs: number
  /** READY → COMMIT on the target where nothing is compared; then the lease decides. */
  readonly commitMs: number
  /** COMMIT → first instruction on the target; then it hands the guest back. */
  readonly resumeMs: number
  /** COMMIT without RUNNING: how long the source watches the lease for the outcome. More than `resumeMs`. */
  readonly settleMs: number
  /** After a cut with pages of a running guest still at the source: how long the source tries to come back. */
  readonly recoverMs: number
  /** An own KEEPALIVE after this silence. */
  readonly keepaliveMs: number
}

export const DEADLINES: Deadlines = {
  connectMs: 5_000,
  idleMs: 10_000,
  answerMs: 15_000,
  progressMs: 60_000,
  reserveMs: 30_000,
  machineMs: 15_000,
  readyMs: 60_000,
  verifyMs: 60_000,
  commitMs: 15_000,
  resumeMs: 5_000,
  settleMs: 15_000,
  recoverMs: 600_000,
  keepaliveMs: 2_000,
}
