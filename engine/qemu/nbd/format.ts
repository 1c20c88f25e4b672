/** Numbers of the NBD protocol (doc/proto.md of the NetworkBlockDevice project), as far as a disk of the lab needs them. */

/** `NBDMAGIC`, `IHAVEOPT`, and what replies to options begin with. */
export const SERVER_MAGIC = 0x4e42444d41474943n
export const OPTION_MAGIC = 0x49484156454f5054n
export const OPTION_REPLY_MAGIC = 0x0003e889045565a9n
export const REQUEST_MAGIC = 0x25609513
export const REPLY_MAGIC = 0x67446698

/** Of the server's greeting and of the client's: fixed newstyle negotiation, and no zeros behind it. */
export const GREETING = { fixed: 1, noZeroes: 2 } as const

export const OPTION = { exportName: 1, abort: 2, info: 6, go: 7 } as const
export const OPTION_REPLY = {
  ack: 1,
  info: 3,
  unsupported: 2 ** 31 + 1,
  invalid: 2 ** 31 + 3,
} as const
export const INFO = { export: 0, blockSize: 3 } as const

/** Of an export: there are flags; FLUSH, FUA and WRITE_ZEROES may be asked for. */
export const EXPORT = { flags: 1, flush: 4, fua: 8, writeZeroes: 64 } as const

export const REQUEST = { read: 0, write: 1, disconnect: 2, flush: 3, writeZeroes: 6 } as const
/** Errors are numbers of Linux's errno. */
export const ERROR = { none: 0, invalid: 22, noSpace: 28 } as const

/** An option of a client has no more bytes, and neither has a request: more is no client of ours. */
export const MOST_OPTION_BYTES = 4096
export const MOST_REQUEST_BYTES = 32 * 2 ** 20
export const SECTOR_BYTES = 512
export const REQUEST_BYTES = 28
