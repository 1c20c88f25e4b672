/** A real QEMU for tests: its command line, QMP on its standard streams, its serial port on a socket. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { machineArguments, type QemuMachine } from '../../../engine/hypervisors/qemu/machine-arguments.ts'
import { nowMs, sleep } from '../../../engine/util/clock.ts'

const PROGRAM = 'qemu-system-i386'
const DEADLINE_MS = 30_000

interface Answer {
  readonly return?: Record<string, unknown>
  readonly error?: { readonly desc: string }
  readonly event?: string
}

export interface TestQemuOptions extends QemuMachine {
  /** Bytes of an empty disk; absent: none. */
  readonly diskBytes?: number
  /** Waits for a guest by `migrate-incoming`, else it powers on. */
  readonly incoming: boolean
  /** What it starts when it powers on: a multiboot kernel and its command line. */
  readonly kernel?: { readonly file: string; readonly commandLine: string }
  readonly paused?: boolean
}

export class TestQemu {
  /** Everything that the guest wrote to its serial port. */
  serial = ''
  readonly folder = mkdtempSync(join(tmpdir(), 'ferry-qemu-'))
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: Server
  readonly #network: Server
  #card: Socket | undefined
  /** Frames that the guest sent. */
  readonly frames: Uint8Array[] = []
  #line: Socket | undefined
  #errors = ''
  readonly #answers: ((answer: Answer) => void)[] = []
  readonly events: string[] = []

  constructor(options: TestQemuOptions) {
    const { diskBytes, incoming, kernel, paused = false, ...machine } = options
    const serialPath = join(this.folder, 'serial')
    this.#lines = createServer((socket) => {
      this.#line = socket
      socket.setEncoding('latin1')
      socket.on('data', (text: string) => (this.serial += text.replaceAll('\r', '')))
      socket.on('error', () => socket.destroy())
    })
    this.#lines.listen(serialPath)
    const networkPath = join(this.folder, 'network')
    this.#network = createServer((socket) => this.#plugIn(socket)).listen(networkPath)
    const further = [
      ...['-qmp', 'stdio', '-chardev', `socket,id=c0,path=${serialPath}`, '-serial', 'chardev:c0'],
      ...(incoming ? ['-incoming', 'defer'] : []),
      ...(paused ? ['-S'] : []),
      ...(kernel === undefined ? [] : ['-kernel', kernel.file, '-append', kernel.commandLine]),
    ]
    const image = join(this.folder, 'disk')
    if (diskBytes !== undefined) writeFileSync(image, new Uint8Array(diskBytes))
    const disk = diskBytes === undefined ? null : `file=${image},format=raw`
    const netdev = `stream,server=off,addr.type=unix,addr.path=${networkPath}`
    const args = machineArguments({
      ...machine,
      netdev,
      disk,
      further,
    })
    this.#child = spawn(PROGRAM, args)
    this.#child.stderr.on('data', (text: Buffer) => (this.#errors += text.toString()))
    createInterface(this.#child.stdout).on('line', (text) => {
      const answer = JSON.parse(text) as Answer
      if (answer.event !== undefined) this.events.push(answer.event)
      else if ('QMP' in answer) return
      else this.#answers.shift()?.(answer)
    })
    this.#child.on('exit', () => {
      for (const waiting of this.#answers.splice(0)) waiting({ error: { desc: `QEMU has ended: ${this.#errors}` } })
    })
  }

  /** Frames come and go with their length in front. */
  #plugIn(socket: Socket): void {
    this.#card = socket
    let pending = Buffer.alloc(0)
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes: Buffer) => {
      pending = Buffer.concat([pending, bytes])
      while (pending.length >= 4 && pending.length >= 4 + pending.readUInt32BE(0)) {
        const end = 4 + pending.readUInt32BE(0)
        this.frames.push(Uint8Array.from(pending.subarray(4, end)))
        pending = pending.subarray(end)
      }
    })
  }

  /** A frame for the guest's card. */
  send(frame: Uint8Array): void {
    const head = Buffer.alloc(4)
    head.writeUInt32BE(frame.length)
    this.#card?.write(Buffer.concat([head, frame]))
  }

  async command(execute: string, args: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const answer = new Promise<Answer>((resolve) => this.#answers.push(resolve))
    this.#child.stdin.write(`${JSON.stringify({ execute, arguments: args })}\n`)
    const { error, return: result } = await answer
    if (error !== undefined) throw new Error(`${execute}: ${error.desc} ${this.#errors}`)
    return result ?? {}
  }

  /** Negotiates, and is ready for commands. */
  async start(): Promise<this> {
    await this.command('qmp_capabilities')
    return this
  }

  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = nowMs() + DEADLINE_MS
    while (!(await condition())) {
      if (nowMs() > deadline)
        throw new Error(`${what} did not come; serial: …${this.serial.slice(-300)} ${this.#errors}`)
      await sleep(5)
    }
  }

  /** Takes a guest in from a file of its stream. */
  async load(file: string): Promise<void> {
    await this.command('migrate-incoming', { uri: `exec:cat '${file}'` })
    await this.until('the guest', async () => (await this.command('query-status'))['status'] !== 'inmigrate')
  }

  /** Stops the guest and writes its stream to a file. */
  async save(file: string): Promise<void> {
    await this.command('stop')
    await this.command('migrate-set-parameters', { 'max-bandwidth': 10 ** 10 })
    await this.command('migrate', { uri: `exec:cat > '${file}'` })
    await this.until('the stream', async () => {
      const { status } = await this.command('query-migrate')
      if (status === 'failed') throw new Error(`the migration failed: ${this.#errors}`)
      return status === 'completed'
    })
  }

  type(text: string | Uint8Array): void {
    this.#line?.write(text)
  }

  async waitFor(pattern: RegExp, from = 0): Promise<string> {
    await this.until(String(pattern), () => pattern.test(this.serial.slice(from)))
    return pattern.exec(this.serial.slice(from))?.[0] ?? ''
  }

  async close(): Promise<void> {
    const { exitCode, signalCode } = this.#child
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill()
    if (exitCode === null && signalCode === null) await ended
    this.#line?.destroy()
    this.#card?.destroy()
    this.#lines.close()
    this.#network.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
