/** QEMU as a peer of the bench: a fresh pair of processes for every migration, over loopback TCP. */
import { Station } from '../../../../engine/network/station.ts'
import { Switch } from '../../../../engine/network/switch.ts'
import { nowMs, sleep } from '../../../../engine/util/clock.ts'
import { FerryError } from '../../../../engine/util/errors.ts'
import { parseLink } from '../../../../engine/migration/link.ts'
import { runTool } from '../../../../images/tools.ts'
import { type Load, LOAD_IS_ON, loadCommands, LOADS } from '../loads.ts'
import { brokenBy, CLIENT, GUEST, LEAD_MS, Observer, tickFigures } from '../observer.ts'
import type { Case } from '../plan.ts'
import type { Measured } from '../row.ts'
import { TickReader } from '../tick.ts'
import { QemuGuests } from './guest.ts'
import { migrate, QEMU_ALGORITHMS, type QemuMoved } from './migrate.ts'
import { QemuNic } from './nic.ts'
import { Qemu, QEMU_PROGRAM } from './process.ts'
import { compareRam } from './ram.ts'

const LOAD_DEADLINE_MS = 30_000
const COMMAND_DEADLINE_MS = 20_000
/** A guest that runs says something within this time: a beat, or the answer to a command. */
const ALIVE_DEADLINE_MS = 10_000
const CHECK_DEADLINE_MS = 60_000
/** The load has begun to run at its pace. */
const SETTLE_MS = 300

/** Version of the QEMU at hand, or null where there is none. */
export async function qemuVersion(): Promise<string | null> {
  try {
    const { stdout } = await runTool(QEMU_PROGRAM, ['--version'])
    return /version (\S+)/.exec(stdout.toString())?.[1] ?? null
  } catch {
    return null
  }
}

export class QemuPeer {
  readonly #guests: QemuGuests
  readonly #folder: string

  /** @param folder for its files; the caller removes it */
  constructor(folder: string) {
    this.#folder = folder
    this.#guests = new QemuGuests(folder)
  }

  /** One migration. What goes wrong in it is told in the result. @throws FerryError where no guest could be made */
  async run(of: Case): Promise<Measured> {
    const file = await this.#guests.state(of.ram_MB)
    const run = new QemuRun(of, this.#folder)
    try {
      await run.start(file)
      return await run.move()
    } finally {
      await run.end()
    }
  }
}

/** The two processes of one migration. */
class QemuRun {
  readonly #of: Case
  readonly #folder: string
  readonly #load: Load
  readonly #network = new Switch()
  readonly #station = new Station(this.#network, CLIENT)
  readonly #observer = new Observer()
  readonly #ticks = new TickReader()
  readonly #closers: (() => void)[] = []
  readonly #processes: Qemu[] = []
  #serial = ''

  constructor(of: Case, folder: string) {
    this.#of = of
    this.#folder = folder
    this.#load = LOADS[of.load]
  }

  get #source(): Qemu {
    return this.#processes[0]
  }

  get #target(): Qemu {
    return this.#processes[1]
  }

  /** The guest runs on the source, with its load. */
  async start(file: string): Promise<void> {
    const source = await this.#spawn('source', { incoming: { file } })
    for (const until = nowMs() + LOAD_DEADLINE_MS; (await source.state()) !== 'paused'; await sleep(5)) {
      if (nowMs() > until) throw new FerryError('qemu.load', 'QEMU did not load the booted guest in time.')
    }
    await source.qmp.command('cont')
    await source.command('', /linux# /, COMMAND_DEADLINE_MS)
    for (const line of await loadCommands(this.#load)) await source.command(line, LOAD_IS_ON, COMMAND_DEADLINE_MS)
    await sleep(SETTLE_MS)
  }

  async move(): Promise<Measured> {
    const { algorithm, kind, link } = this.#of
    const paused = kind === 'compared'
    const begun = nowMs()
    await this.#spawn('target', { incoming: 'defer', paused })
    const prepare_ms = nowMs() - begun
    const { forward_bps } = parseLink(link)
    const move = {
      ...{ source: this.#source, target: this.#target, paused },
      algorithm: QEMU_ALGORITHMS[algorithm],
      bytesPerSecond: forward_bps === null ? null : forward_bps / 8,
    }
    const moved = await migrate(move, async () => {
      await this.#observer.start(this.#load.client, { network: this.#network, station: this.#station, ip: GUEST.ip })
      await sleep(LEAD_MS)
    })
    const measured = { ...figuresOf(moved), prepare_ms }
    if (!moved.completed) {
      const note = moved.info['error-desc'] ?? moved.info.status ?? 'the source has ended'
      return { ...measured, outcome: moved.lost ? 'lost' : 'failed', note }
    }
    if (paused) return { ...measured, ...(await this.#compared()) }
    const seen = await this.#observer.stop({ fromMs: moved.startedMs })
    this.#observer.close()
    const alive = await this.#alive()
    return {
      ...measured,
      ...seen,
      ...tickFigures(this.#ticks, { fromMs: moved.startedMs, toMs: moved.endedMs }),
      outcome: alive === null ? 'completed' : 'lost',
      note: [seen.note, alive].filter((text) => text !== undefined && text !== null).join('; '),
    }
  }

  /** RAM of both sides while both stand still; then the guest goes on and checks itself. */
  async #compared(): Promise<Pick<Measured, 'outcome' | 'wrong_pages' | 'guest_check' | 'note'>> {
    const wrong_pages = await compareRam(this.#source, this.#target, this.#of.ram_MB, this.#folder)
    await this.#target.qmp.command('cont')
    const dead = await this.#alive()
    if (dead !== null) return { outcome: 'lost', wrong_pages, note: dead }
    try {
      const [answer] = await this.#target.command('selfcheck', /CHECK (?:ok|failed)[^\r]*\r/, CHECK_DEADLINE_MS)
      return { outcome: 'completed', wrong_pages, guest_check: answer.startsWith('CHECK ok') ? 'ok' : 'failed' }
    } catch (thrown) {
      return { outcome: 'lost', wrong_pages, note: FerryError.from(thrown).message }
    }
  }

  /** Null where the guest runs on the target; else what speaks against it. */
  async #alive(): Promise<string | null> {
    try {
      await this.#target.command('echo AL""IVE', /ALIVE/, ALIVE_DEADLINE_MS)
      return brokenBy(this.#serial)
    } catch (thrown) {
      return brokenBy(this.#serial) ?? FerryError.from(thrown).message
    }
  }

  async end(): Promise<void> {
    this.#observer.close()
    this.#station.close()
    await Promise.all(this.#processes.map((process) => process.end()))
    for (const close of this.#closers) close()
  }

  async #spawn(name: string, options: { incoming: 'defer' | { file: string }; paused?: boolean }): Promise<Qemu> {
    const nic = await QemuNic.listen(this.#network, name)
    this.#closers.push(() => nic.close())
    const qemu = await Qemu.start({
      ...options,
      ...{ folder: this.#folder, ramMb: this.#of.ram_MB, mac: GUEST.mac, netdev: nic.netdev },
      onSerial: (output, atMs) => {
        this.#ticks.feed(output, atMs)
        this.#serial += output
      },
    })
    this.#processes.push(qemu)
    return qemu
  }
}

function figuresOf({ startedMs, endedMs, pauseRunMs, info }: QemuMoved): Omit<Measured, 'outcome'> {
  return {
    pause_run_ms: pauseRunMs,
    total_ms: endedMs - startedMs,
    transfer_ms: endedMs - startedMs,
    bytes_B: info.ram?.transferred ?? null,
    faults: info.ram?.['postcopy-requests'] ?? null,
  }
}
