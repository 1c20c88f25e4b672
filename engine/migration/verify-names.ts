/** Names and stages of messages, as PROTOCOL.md has them: for `verify-stream.ts`, which shares nothing with `protocol/`. */

const NAMES: Readonly<Record<number, string>> = {
  1: 'MIG_REQ', 2: 'REQ_OK', 3: 'REQ_FAIL', 4: 'MIG_CFG', 5: 'CFG_OK', 6: 'CFG_FAIL', 7: 'MEM_BEG', 8: 'PAGES',
  9: 'ROUND_END', 10: 'ACK', 11: 'REHEARSAL', 12: 'CPU_BEG', 13: 'DEV_BEG', 14: 'READY', 15: 'VERIFY',
  16: 'VERIFY_RESULT', 17: 'COMMIT', 18: 'RUNNING', 19: 'ABORT', 20: 'KEEPALIVE', 21: 'LINK', 22: 'CHANNEL',
  23: 'CHANNEL_OK', 24: 'NATIVE', 25: 'NATIVE_END', 32: 'PAGE_REQ', 34: 'MISSING', 35: 'PULL_END', 36: 'PULL_DONE',
} // prettier-ignore

/** The name of a message, or undefined for one that version 1 does not have. */
export const nameOf = (type: number): string | undefined => NAMES[type]

/** Those that say nothing about the migration, and may come anywhere. */
export const ANYWHERE: readonly string[] = ['KEEPALIVE', 'LINK']
