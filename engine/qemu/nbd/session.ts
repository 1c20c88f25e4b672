/**
 * One client of a disk: bytes in, bytes out, by the NBD protocol. A disk is bytes in memory that whoever runs the guest shares,
 * so that every request is carried out at once, and what was written is seen by all.
 */
import { FerryError } from '../../util/errors.ts'
import {
  ERROR,
  EXPORT,
  GREETING,
  INFO,
  MOST_OPTION_BYTES,
  MOST_REQUEST_BYTES,
  OPTION,
  OPTION_MAGIC,
  OPTION_REPLY,
  OPTION_REPLY_MAGIC,
  REPLY_MAGIC,
  REQUEST,
  REQUEST_BYTES,
  REQUEST_MAGIC,
  SECTOR_BYTES,
  SERVER_MAGIC,
} from './format.ts'

const OPTION_HEAD_BYTES = 16
const EXPORT_FLAGS = EXPORT.flags | EXPORT.flush | EXPORT.fua | EXPORT.writeZeroes
const CLIENT_FLAGS = GREETING.fixed | GREETING.noZeroes
/** What an export's name is followed by where the client wants them. */
const ZEROES = 124

export class NbdSession {
  readonly #disk: Uint8Array
  readonly #send: (bytes: Uint8Array) => void
  #input: Buffer = Buffer.alloc(0)
  /** Carries out the next step; false: more bytes are needed. */
  #step: () => boolean = () => this.#clientFlags()
  #zeroes = true
  #over = false

  /**
   * @param disk its bytes, whole sectors
   * @param send takes bytes for the client
   */
  constructor(disk: Uint8Array, send: (bytes: Uint8Array) => void) {
    this.#disk = disk
    this.#send = send
    const hello = Buffer.alloc(18)
    hello.writeBigUInt64BE(SERVER_MAGIC, 0)
    hello.writeBigUInt64BE(OPTION_MAGIC, 8)
    hello.writeUInt16BE(CLIENT_FLAGS, 16)
    send(hello)
  }

  /** Whether the client has said that it leaves. */
  get over(): boolean {
    return this.#over
  }

  /** @throws FerryError `qemu.disk` for what is no client of this protocol: it is to be cut off */
  feed(bytes: Buffer): void {
    this.#input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes])
    while (!this.#over && this.#step());
  }

  /** The next so many bytes, once they have come. */
  #take(count: number): Buffer | null {
    if (this.#input.length < count) return null
    const taken = this.#input.subarray(0, count)
    this.#input = this.#input.subarray(count)
    return taken
  }

  #clientFlags(): boolean {
    const flags = this.#take(4)?.readUInt32BE(0)
    if (flags === undefined) return false
    if ((flags & ~CLIENT_FLAGS) !== 0 || (flags & GREETING.fixed) === 0) throw strange('flags that were not offered')
    this.#zeroes = (flags & GREETING.noZeroes) === 0
    this.#step = () => this.#option()
    return true
  }

  #option(): boolean {
    if (this.#input.length < OPTION_HEAD_BYTES) return false
    if (this.#input.readBigUInt64BE(0) !== OPTION_MAGIC) throw strange('no option')
    const length = this.#input.readUInt32BE(12)
    if (length > MOST_OPTION_BYTES) throw strange(`an option of ${length} bytes`)
    const whole = this.#take(OPTION_HEAD_BYTES + length)
    if (whole === null) return false
    this.#negotiate(whole.readUInt32BE(8), whole.subarray(OPTION_HEAD_BYTES))
    return true
  }

  /** There is one disk, whatever name the client has for it. */
  #negotiate(option: number, data: Buffer): void {
    switch (option) {
      case OPTION.exportName: {
        const told = Buffer.alloc(10 + (this.#zeroes ? ZEROES : 0))
        told.writeBigUInt64BE(BigInt(this.#disk.length), 0)
        told.writeUInt16BE(EXPORT_FLAGS, 8)
        this.#send(told)
        this.#step = () => this.#request()
        return
      }
      case OPTION.abort:
        this.#reply(option, OPTION_REPLY.ack)
        this.#over = true
        return
      case OPTION.info:
      case OPTION.go:
        if (!isInfo(data)) return this.#reply(option, OPTION_REPLY.invalid)
        this.#reply(option, OPTION_REPLY.info, this.#exportInfo())
        this.#reply(option, OPTION_REPLY.info, this.#blockSizes())
        this.#reply(option, OPTION_REPLY.ack)
        if (option === OPTION.go) this.#step = () => this.#request()
        return
      default:
        this.#reply(option, OPTION_REPLY.unsupported)
    }
  }

  #exportInfo(): Buffer {
    const info = Buffer.alloc(12)
    info.writeUInt16BE(INFO.export, 0)
    info.writeBigUInt64BE(BigInt(this.#disk.length), 2)
    info.writeUInt16BE(EXPORT_FLAGS, 10)
    return info
  }

  #blockSizes(): Buffer {
    const info = Buffer.alloc(14)
    info.writeUInt16BE(INFO.blockSize, 0)
    for (const [i, bytes] of [SECTOR_BYTES, 4096, MOST_REQUEST_BYTES].entries()) info.writeUInt32BE(bytes, 2 + 4 * i)
    return info
  }

  #reply(option: number, type: number, data: Uint8Array = new Uint8Array(0)): void {
    const reply = Buffer.alloc(20 + data.length)
    reply.writeBigUInt64BE(OPTION_REPLY_MAGIC, 0)
    reply.writeUInt32BE(option, 8)
    reply.writeUInt32BE(type, 12)
    reply.writeUInt32BE(data.length, 16)
    reply.set(data, 20)
    this.#send(reply)
  }

  #request(): boolean {
    if (this.#input.length < REQUEST_BYTES) return false
    if (this.#input.readUInt32BE(0) !== REQUEST_MAGIC) throw strange('no request')
    const type = this.#input.readUInt16BE(6)
    const length = this.#input.readUInt32BE(24)
    const carried = type === REQUEST.write ? length : 0
    if (carried > MOST_REQUEST_BYTES) throw strange(`a request of ${length} bytes`)
    const whole = this.#take(REQUEST_BYTES + carried)
    if (whole === null) return false
    const from = whole.readBigUInt64BE(16)
    this.#carryOut(type, whole.subarray(8, 16), { from, length, data: whole.subarray(REQUEST_BYTES) })
    return true
  }

  #carryOut(type: number, cookie: Uint8Array, { from, length, data }: Stretch): void {
    if (type === REQUEST.disconnect) {
      this.#over = true
      return
    }
    if (type === REQUEST.flush) return this.#answer(ERROR.none, cookie)
    const writes = type === REQUEST.write || type === REQUEST.writeZeroes
    if (!writes && type !== REQUEST.read) return this.#answer(ERROR.invalid, cookie)
    if (length > MOST_REQUEST_BYTES && type === REQUEST.read) return this.#answer(ERROR.invalid, cookie)
    if (from + BigInt(length) > BigInt(this.#disk.length)) {
      return this.#answer(writes ? ERROR.noSpace : ERROR.invalid, cookie)
    }
    const at = Number(from)
    if (type === REQUEST.write) this.#disk.set(data, at)
    if (type === REQUEST.writeZeroes) this.#disk.fill(0, at, at + length)
    this.#answer(ERROR.none, cookie, type === REQUEST.read ? this.#disk.subarray(at, at + length) : undefined)
  }

  #answer(error: number, cookie: Uint8Array, data: Uint8Array = new Uint8Array(0)): void {
    const reply = Buffer.alloc(16 + data.length)
    reply.writeUInt32BE(REPLY_MAGIC, 0)
    reply.writeUInt32BE(error, 4)
    reply.set(cookie, 8)
    // A copy: the disk goes on changing while this is on its way.
    reply.set(data, 16)
    this.#send(reply)
  }
}

interface Stretch {
  readonly from: bigint
  readonly length: number
  readonly data: Uint8Array
}

/** The data of INFO and GO: a name with its length in front, and a list of what is wanted, which is told anyhow. */
function isInfo(data: Buffer): boolean {
  if (data.length < 6) return false
  const name = data.readUInt32BE(0)
  if (data.length < 6 + name) return false
  return data.length === 6 + name + 2 * data.readUInt16BE(4 + name)
}

const strange = (what: string): FerryError =>
  new FerryError('qemu.disk', `On the connection for a guest's disk came ${what}. It was cut.`)
