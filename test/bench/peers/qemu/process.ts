/** One QEMU process: its command line, its serial line and control socket, and its end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import * as v from 'valibot'
import { nowMs, sleep } from '../../../../engine/util/clock.ts'
import { FerryError } from '../../../../engine/util/errors.ts'
import { Qmp } from '../../../../engine/qemu/qmp.ts'

export const QEMU_PROGRAM = 'qemu-system-i386'
const START_DEADLINE_MS = 20_000
const END_DEADLINE_MS = 5_000
const RETRY_MS = 5
/** Kept of the serial line for whoever looks for an answer. */
const KEPT_CHARACTERS = 256 * 1024
const KEPT_ERRORS = 2000

export interface QemuOptions {
  /** Folder for its sockets. */
  readonly folder: string
  readonly ramMb: number
  readonly mac: string
  /** Value of `-netdev`, named n0. */
  readonly netdev: string
  /** How the guest comes in; absent: it boots. */
  readonly incoming?: 'defer' | { readonly file: string }
  /** A guest that boots. */
  readonly boot?: { readonly kernel: string; readonly initrd: string; readonly commandLine: string }
  /** Stay paused where an incoming guest would run. */
  readonly paused?: boolean
  /** Serial output, one character a byte, as it arrives. */
  readonly onSerial: (output: string, atMs: number) => void
}

/** The machine that Ferry's is compared with: a PC with the same card and as much video memory, interpreted by TCG. */
export function qemuArguments(options: QemuOptions, sockets: { qmp: string; serial: string }): string[] {
  const { ramMb, mac, netdev, incoming, boot, paused = false } = options
  return [
    ...['-M', 'pc', '-accel', 'tcg', '-m', String(ramMb), '-display', 'none', '-nodefaults', '-no-user-config'],
    ...['-device', 'VGA,vgamem_mb=1', '-netdev', netdev, '-device', `ne2k_pci,netdev=n0,romfile=,mac=${mac}`],
    ...['-chardev', `socket,id=c0,path=${sockets.serial},server=on,wait=off`, '-serial', 'chardev:c0'],
    ...['-qmp', `unix:${sockets.qmp},server=on,wait=off`],
    ...(boot === undefined ? [] : ['-kernel', boot.kernel, '-initrd', boot.initrd, '-append', boot.commandLine]),
    ...(incoming === undefined ? [] : ['-incoming', incoming === 'defer' ? 'defer' : `exec:cat '${incoming.file}'`]),
    ...(paused ? ['-S'] : []),
  ]
}

const runState = v.object({ status: v.string() })

/** Processes that run: they must not outlive the bench, however that ends. */
const living = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

export class Qemu {
  readonly qmp: Qmp
  /** Serial output so far, the last of it. */
  output = ''
  readonly #child: ChildProcess
  readonly #serial: Socket

  private constructor(child: ChildProcess, serial: Socket, qmp: Socket, onSerial: QemuOptions['onSerial']) {
    this.#child = child
    this.#serial = serial
    this.qmp = new Qmp(qmp)
    serial.setEncoding('latin1')
    serial.on('error', () => serial.destroy())
    serial.on('data', (text: string) => {
      onSerial(text, nowMs())
      this.output = (this.output + text).slice(-KEPT_CHARACTERS)
    })
  }

  /** Starts a process and negotiates with it. @throws FerryError `qemu.start` with what it wrote */
  static async start(options: QemuOptions): Promise<Qemu> {
    const id = randomBytes(4).toString('hex')
    const sockets = { qmp: join(options.folder, `${id}.qmp`), serial: join(options.folder, `${id}.serial`) }
    const child = spawn(QEMU_PROGRAM, qemuArguments(options, sockets), { stdio: ['ignore', 'ignore', 'pipe'] })
    living.add(child)
    let errors = ''
    child.stderr.on('data', (bytes: Buffer) => (errors = (errors + bytes.toString()).slice(-KEPT_ERRORS)))
    let over = false
    child.once('error', (error) => (errors = error.message))
    child.once('close', () => {
      over = true
      living.delete(child)
    })
    const deadline = nowMs() + START_DEADLINE_MS
    const dial = async (path: string): Promise<Socket> => {
      for (;;) {
        const socket = await dialOnce(path)
        if (socket !== null) return socket
        if (over || nowMs() > deadline) throw new FerryError('qemu.start', `QEMU did not start: ${errors.trim()}`)
        await sleep(RETRY_MS)
      }
    }
    try {
      const serial = await dial(sockets.serial)
      const qemu = new Qemu(child, serial, await dial(sockets.qmp), options.onSerial)
      await qemu.qmp.command('qmp_capabilities')
      return qemu
    } catch (thrown) {
      child.kill('SIGKILL')
      throw thrown
    }
  }

  /** Its run state, e.g. `running`, `paused`, `inmigrate`. @throws FerryError `qemu.*` */
  async state(): Promise<string> {
    const parsed = v.safeParse(runState, await this.qmp.command('query-status'))
    return parsed.success ? parsed.output.status : 'unknown'
  }

  /** Types into the guest's serial line. */
  type(text: string): void {
    this.#serial.write(text)
  }

  /** Waits until what is kept of the serial output matches. @throws FerryError `qemu.silent` */
  async expect(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    const until = nowMs() + timeoutMs
    for (;;) {
      const found = pattern.exec(this.output)
      if (found !== null) return found
      if (nowMs() > until) {
        throw new FerryError('qemu.silent', `The guest in QEMU did not answer within ${timeoutMs / 1000} s.`, {
          last: this.output.slice(-200),
        })
      }
      await sleep(RETRY_MS)
    }
  }

  /** Types a line and waits for its answer. @throws FerryError `qemu.silent` */
  command(line: string, pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    this.output = ''
    this.type(`${line}\n`)
    return this.expect(pattern, timeoutMs)
  }

  /** Ends the process. Idempotent. */
  async end(): Promise<void> {
    this.qmp.close()
    this.#serial.destroy()
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise<void>((resolve) => this.#child.once('close', () => resolve()))
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_DEADLINE_MS)
    await ended
    clearTimeout(timer)
  }
}

function dialOnce(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', () => resolve(null))
  })
}
