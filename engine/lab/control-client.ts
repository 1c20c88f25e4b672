/** Talks to running labs over their control sockets (control.ts has the protocol). */
import { rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import * as v from 'valibot'
import { METHODS, type MethodInput, type MethodName, type MethodOutput } from '../contract/lab.ts'
import { errorReport } from '../contract/report.ts'
import { FerryError } from '../util/errors.ts'
import { listEntries } from './control-address.ts'
import { runtimeDirectory } from './places.ts'

const CONNECT_DEADLINE_MS = 2000
/** A guest's check of itself may take two minutes. */
const CALL_DEADLINE_MS = 150_000
const MAX_ANSWER_BYTES = 256 << 20

const answer = v.object({
  id: v.nullable(v.number()),
  result: v.optional(v.unknown()),
  error: v.optional(errorReport),
})

interface Pending {
  resolve(value: unknown): void
  reject(error: FerryError): void
}

export class ControlClient {
  /** Process of the lab. */
  readonly pid: number
  readonly #socket: Socket
  readonly #pending = new Map<number, Pending>()
  #nextId = 1
  #rest: Buffer[] = []
  #restBytes = 0

  private constructor(pid: number, socket: Socket) {
    this.pid = pid
    this.#socket = socket
    socket.on('data', (chunk) => this.#data(chunk))
    socket.on('error', () => this.#end(gone()))
    socket.on('close', () => this.#end(gone()))
  }

  /** @throws FerryError `control.gone`; its cause is the system's error */
  static async connect(pid: number, address: string): Promise<ControlClient> {
    const socket = connect(address)
    await new Promise<void>((resolve, reject) => {
      const fail = (cause?: unknown): void => {
        clearTimeout(deadline)
        socket.destroy()
        reject(gone(cause))
      }
      const deadline = setTimeout(fail, CONNECT_DEADLINE_MS)
      socket.once('error', fail)
      socket.once('connect', () => {
        clearTimeout(deadline)
        socket.off('error', fail)
        resolve()
      })
    })
    return new ControlClient(pid, socket)
  }

  /** @throws FerryError what the method throws, or `control.gone`, `control.answer`, `control.timeout` */
  async call<M extends MethodName>(method: M, input: MethodInput<M>): Promise<MethodOutput<M>> {
    const id = this.#nextId++
    const result = await new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id)
        reject(new FerryError('control.timeout', `The lab did not answer within ${CALL_DEADLINE_MS / 1000} s.`))
      }, CALL_DEADLINE_MS)
      const settle =
        <T>(settled: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer)
          this.#pending.delete(id)
          settled(value)
        }
      this.#pending.set(id, { resolve: settle(resolve), reject: settle(reject) })
      this.#socket.write(`${JSON.stringify({ id, method, input })}\n`)
    })
    const parsed = v.safeParse(METHODS[method].output, result)
    if (!parsed.success) throw misunderstood()
    return parsed.output
  }

  close(): void {
    this.#socket.destroy()
  }

  #data(chunk: Buffer): void {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...this.#rest, chunk.subarray(from, end)]).toString('utf8')
      this.#rest = []
      this.#restBytes = 0
      from = end + 1
      this.#line(line)
    }
    this.#rest.push(chunk.subarray(from))
    this.#restBytes += chunk.length - from
    if (this.#restBytes > MAX_ANSWER_BYTES) this.#fail(misunderstood())
  }

  #line(line: string): void {
    let data: unknown
    try {
      data = JSON.parse(line)
    } catch {
      return this.#fail(misunderstood())
    }
    const parsed = v.safeParse(answer, data)
    if (!parsed.success) return this.#fail(misunderstood())
    const { id, result, error } = parsed.output
    if (id === null) return this.#fail(error === undefined ? misunderstood() : FerryError.revive(error))
    const pending = this.#pending.get(id)
    if (error === undefined) pending?.resolve(result)
    else pending?.reject(FerryError.revive(error))
  }

  #fail(error: FerryError): void {
    this.#end(error)
    this.#socket.destroy()
  }

  #end(error: FerryError): void {
    for (const pending of [...this.#pending.values()]) pending.reject(error)
  }
}

/** Connections to all labs of this user that run; entries nobody listens at are removed. */
export async function runningLabs(directory = runtimeDirectory()): Promise<ControlClient[]> {
  const clients: ControlClient[] = []
  for (const { pid, file, address } of await listEntries(directory)) {
    try {
      clients.push(await ControlClient.connect(pid, address))
    } catch (error) {
      if (error instanceof FerryError && refused(error.cause)) await rm(file, { force: true })
    }
  }
  return clients
}

const refused = (cause: unknown): boolean =>
  cause instanceof Error && 'code' in cause && (cause.code === 'ECONNREFUSED' || cause.code === 'ENOENT')

const gone = (cause?: unknown) => new FerryError('control.gone', 'The lab has ended.', {}, cause)
const misunderstood = () =>
  new FerryError('control.answer', 'The lab answered in a way that is not understood. Is it of another version?')
