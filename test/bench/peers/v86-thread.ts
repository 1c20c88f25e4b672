/** Thread of v86-peer.ts: one guest, moved once through v86's own `save_state` and `restore_state`, in memory. */
import { readFile, writeFile } from 'node:fs/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { loadGuest } from '../../../images/guest.ts'
import { nowMs, sleep } from '../../../engine/util/clock.ts'
import { bootStock, createStock, say } from '../stock-v86-emulator.ts'
import { IMAGE, LOAD_IS_ON } from './loads.ts'
import { brokenBy, LEAD_MS, TAIL_MS, tickFigures } from './observer.ts'
import { differingPages } from './ram.ts'
import { TickReader } from './tick.ts'
import type { Measured } from './row.ts'

const ALIVE_DEADLINE_MS = 10_000
const CHECK_DEADLINE_MS = 60_000
const SETTLE_MS = 300
/** The first restore of a process compiles what the others find compiled. */
const WARM_UPS = 1

export type V86Task =
  /** Boots the guest to its prompt and keeps its state in a file. */
  | { readonly kind: 'boot'; readonly ramMb: number; readonly file: string }
  /** Moves the guest that was kept once. */
  | {
      readonly kind: 'move'
      readonly ramMb: number
      readonly file: string
      /** Console lines that start the load. */
      readonly commands: readonly string[]
      readonly compared: boolean
    }

async function boot(ramMb: number, file: string): Promise<{ booted: true }> {
  const stock = await createStock(ramMb)
  await bootStock(stock, await loadGuest(IMAGE), ramMb)
  await stock.emulator.stop()
  await writeFile(file, new Uint8Array(await stock.emulator.save_state()))
  return { booted: true }
}

async function move({ ramMb, file, commands, compared }: Extract<V86Task, { kind: 'move' }>): Promise<Measured> {
  const ticks = new TickReader()
  const listen = (character: string) => ticks.feed(character, nowMs())
  const { buffer } = Uint8Array.from(await readFile(file))
  const source = await createStock(ramMb, listen)
  for (let i = 0; i < WARM_UPS; i++) await (await createStock(ramMb)).emulator.restore_state(buffer)
  await source.emulator.restore_state(buffer)
  await source.emulator.run()
  for (const line of commands) await say(source.emulator, line, LOAD_IS_ON)
  await sleep(SETTLE_MS)
  const target = await createStock(ramMb, listen)
  await sleep(LEAD_MS)

  const fromMs = nowMs()
  await source.emulator.stop()
  const state = await source.emulator.save_state()
  await target.emulator.restore_state(state)
  const wrong_pages = compared ? differingPages(source.cpu.mem8, target.cpu.mem8, 0) : null
  await target.emulator.run()
  const toMs = nowMs()

  await sleep(TAIL_MS)
  const answers = await say(target.emulator, 'echo AL""IVE', /ALIVE/, ALIVE_DEADLINE_MS)
  const broken = answers ? brokenBy(source.emulator.output + target.emulator.output) : 'it did not answer'
  const checked = compared && broken === null
  const fine = checked && (await say(target.emulator, 'selfcheck', /CHECK ok/, CHECK_DEADLINE_MS))
  const pause_run_ms = toMs - fromMs
  return {
    outcome: broken === null ? 'completed' : 'lost',
    bytes_B: state.byteLength,
    wrong_pages,
    guest_check: checked ? (fine ? 'ok' : 'failed') : null,
    // A comparison of all of RAM stands between pause and run.
    ...(compared
      ? {}
      : { pause_run_ms, total_ms: pause_run_ms, transfer_ms: pause_run_ms, ...tickFigures(ticks, { fromMs, toMs }) }),
    note: broken ?? '',
  }
}

const task = workerData as V86Task
parentPort?.postMessage(task.kind === 'boot' ? await boot(task.ramMb, task.file) : await move(task))
