/**
 * One QEMU process with its folder, its control socket, its serial line and its network card, from start to end. What it
 * runs is none of its business.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FerryError } from '../util/errors.ts'
import type { QemuProgram } from './find.ts'
import { FrameReader, withLength } from './frames.ts'
import { guard } from './guard.ts'
import { listen, type Listening } from './listening.ts'
import { serveDisk } from './nbd/disk-server.ts'
import { Qmp } from './qmp.ts'
import { SerialLine } from './serial-line.ts'

/** A loaded computer takes seconds; one that takes longer is stuck. */
const START_DEADLINE_MS = 20_000
/** What QEMU wrote last, kept to be told when it ends. */
const KEPT_CHARACTERS = 4000
/** A path of a socket has room for 107 bytes (`sun_path` of linux/un.h); ours are the folder's and a short name. */
const MOST_FOLDER_CHARACTERS = 90

export interface ProcessOptions {
  readonly program: QemuProgram
  /** The bytes of the guest's disk; null: it has none. */
  readonly disk: SharedArrayBuffer | null
  /** The whole command line behind the program's name, from the outer ends of card and disk, and what belongs to a process. */
  readonly command: (netdev: string, drive: string | null, further: readonly string[]) => readonly string[]
  readonly onSerial: (bytes: Uint8Array) => void
  readonly onFrame: (frame: Uint8Array) => void
  /** The process has ended by itself. */
  readonly onExit: (error: FerryError) => void
}

export class QemuProcess {
  readonly qmp: Qmp
  readonly serial: SerialLine
  readonly pid: number
  readonly folder: string
  readonly #child: ChildProcess
  readonly #card: Promise<Socket>
  readonly #ended: Promise<void>
  #socket: Socket | null = null

  /** Use `start`. */
  constructor(parts: {
    child: ChildProcess
    qmp: Qmp
    serial: SerialLine
    card: Promise<Socket>
    folder: string
    ended: Promise<void>
  }) {
    this.qmp = parts.qmp
    this.serial = parts.serial
    this.folder = parts.folder
    this.pid = parts.child.pid ?? 0
    this.#child = parts.child
    this.#card = parts.card
    this.#ended = parts.ended
    this.#card.then((socket) => (this.#socket = socket)).catch(() => undefined)
  }

  /** @throws FerryError `qemu.start` with what QEMU wrote; nothing is left behind */
  static async start(options: ProcessOptions): Promise<QemuProcess> {
    const folder = await privateFolder()
    const cleaners: (() => void)[] = []
    const clean = async (): Promise<void> => {
      for (const cleaner of cleaners.splice(0)) cleaner()
      await rm(folder, { recursive: true, force: true })
    }
    try {
      const [control, network] = [await listen(join(folder, 'qmp')), await listen(join(folder, 'net'))]
      cleaners.push(control.close, network.close)
      const serial = await SerialLine.open(folder, options.onSerial)
      cleaners.push(() => serial.close())
      const disk = options.disk === null ? null : await serveDisk(options.disk, folder)
      if (disk !== null) cleaners.push(disk.close)
      return await launch(options, { folder, control, network, serial, drive: disk?.drive ?? null, clean })
    } catch (thrown) {
      await clean()
      throw FerryError.from(thrown)
    }
  }

  /** A frame for the guest's card; dropped where the card is not connected, or does not take frames as fast as they come. */
  sendFrame(frame: Uint8Array): void {
    const socket = this.#socket
    if (socket !== null && socket.writableLength < MOST_FRAME_BYTES) socket.write(withLength(frame))
  }

  /** Ends the process and removes its folder. Idempotent; resolves when it has surely ended. */
  async end(): Promise<void> {
    this.qmp.close()
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}

/** Bytes of frames that wait for QEMU at most. */
const MOST_FRAME_BYTES = 2 ** 20

interface Surroundings {
  readonly folder: string
  readonly control: Listening
  readonly network: Listening
  readonly serial: SerialLine
  readonly drive: string | null
  readonly clean: () => Promise<void>
}

async function launch(options: ProcessOptions, around: Surroundings): Promise<QemuProcess> {
  const { folder, control, network, serial, drive, clean } = around
  const further = [
    ...serial.arguments,
    ...['-chardev', `socket,id=qmp,path=${control.path},server=off`, '-mon', 'chardev=qmp,mode=control'],
  ]
  const netdev = `stream,server=off,addr.type=unix,addr.path=${network.path}`
  const child = spawn(options.program.path, options.command(netdev, drive, further), {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A Ctrl-C in the terminal is for Ferry, which ends its machines in order.
    detached: true,
  })
  let log = ''
  const keep = (bytes: Buffer) => (log = (log + bytes.toString()).slice(-KEPT_CHARACTERS))
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const release = guard(child, folder)
  let started: QemuProcess | null = null
  const died = new Promise<FerryError>((resolve) => {
    child.once('error', (cause) => {
      log = cause.message
      resolve(endOf(log))
    })
    child.once('close', () => resolve(endOf(log)))
  })
  const ended = died.then(async (error) => {
    release()
    await clean()
    if (started === null) return
    started.qmp.close()
    options.onExit(error)
  })
  try {
    const socket = await inTime(control.connected, died)
    const qmp = new Qmp(socket)
    await qmp.command('qmp_capabilities')
    const card = network.connected.then((connection) => {
      frames(connection, options.onFrame)
      return connection
    })
    const process = new QemuProcess({ child, qmp, serial, card, folder, ended })
    started = process
    return process
  } catch (thrown) {
    child.kill('SIGKILL')
    await died
    const { message } = FerryError.from(thrown)
    throw new FerryError('qemu.start', `QEMU did not start, and no guest was touched. ${message}`, {}, thrown)
  }
}

const endOf = (log: string): FerryError =>
  new FerryError('machine.crashed', `The QEMU process ended${log.trim() === '' ? '.' : `: ${log.trim().slice(-500)}`}`)

function inTime<T>(connected: Promise<T>, died: Promise<FerryError>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new FerryError('qemu.start', 'It did not connect in time.'))
    const timer = setTimeout(late, START_DEADLINE_MS)
    void died.then(reject)
    connected.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

function frames(socket: Socket, listener: (frame: Uint8Array) => void): void {
  const reader = new FrameReader()
  socket.on('data', (bytes: Buffer) => {
    try {
      for (const frame of reader.feed(bytes)) listener(Uint8Array.from(frame))
    } catch {
      // A stream that has lost its frames cannot be read on: the guest is without a network, as with a cable pulled out.
      socket.destroy()
    }
  })
  socket.on('error', () => socket.destroy())
}

async function privateFolder(): Promise<string> {
  const parent = tmpdir().length > MOST_FOLDER_CHARACTERS - 'ferry-qemu-XXXXXX'.length ? '/tmp' : tmpdir()
  // Mode 0700: whoever can write to the control socket can do with the process what he likes.
  return mkdtemp(join(parent, 'ferry-qemu-'))
}
