/** From an image's name to a machine at its prompt: direct boot, or the saved booted state of an earlier start. */
import { createHash } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDirectory, readIfPresent, writeAtomically } from '../../images/cache.ts'
import { type LoadedGuest, loadGuest } from '../../images/guest.ts'
import { ImageError } from '../../images/errors.ts'
import { BootImageError } from '../../images/direct-boot.ts'
import { vgaTextMode } from '../../images/vga-text.ts'
import type { Machine } from '../machine/machine.ts'
import { EMULATOR_IDENTITY } from '../machine/profile.ts'
import { nowMs } from '../util/clock.ts'
import { FerryError } from '../util/errors.ts'
import { loadBootState, saveBootState } from './boot-state.ts'
import type { GuestConsole } from './console.ts'

const BOOT_DEADLINE_MS = 120_000
/** A guest without a known prompt counts as started when nothing has been written for so long. */
const QUIET_MS = 1500
/** Starting anew is quicker than loading a state for guests that boot in less. */
const WORTH_SAVING_MS = 1000
const KEPT_STATES = 6

/** Errors of the image pipeline, told as the engine tells them. */
function asFerryError(thrown: unknown): FerryError {
  if (thrown instanceof ImageError || thrown instanceof BootImageError) {
    return new FerryError(`image.${thrown.code}`, thrown.message, {}, thrown)
  }
  return FerryError.from(thrown)
}

/** @throws FerryError `image.*` */
export async function loadImage(name: string, progress?: (line: string) => void): Promise<LoadedGuest> {
  try {
    return await loadGuest(name, progress === undefined ? {} : { progress })
  } catch (thrown) {
    throw asFerryError(thrown)
  }
}

export interface StartReport {
  readonly started: 'booted' | 'from saved state'
  /** From the first byte loaded to the prompt. */
  readonly startMs: number
}

/**
 * Brings a new machine to the guest's prompt; it runs afterwards. The network is not configured yet where the image
 * has a command for that, so that one saved state serves every address.
 * @throws FerryError `image.*`, `console.timeout`, `machine.*`
 */
export async function startGuest(
  image: LoadedGuest,
  machine: Machine,
  console: GuestConsole,
  address: string,
): Promise<StartReport> {
  const begun = nowMs()
  const file = stateFile(image, machine)
  const saved = await readIfPresent(file)
  if (saved !== undefined) {
    try {
      await loadBootState(machine, saved)
      await machine.resume()
      return { started: 'from saved state', startMs: nowMs() - begun }
    } catch (thrown) {
      // It is a cache: a state that cannot be used is dropped. The machine is as good as new for a boot.
      if (FerryError.from(thrown).code !== 'boot-state.damaged') throw thrown
      await rm(file, { force: true })
    }
  }
  const configurable = image.entry?.network.configure !== undefined
  await boot(image, machine, console, configurable ? undefined : address)
  await bringDiskUp(image, machine, console)
  const startMs = nowMs() - begun
  if (configurable && startMs > WORTH_SAVING_MS) await keep(file, machine)
  return { started: 'booted', startMs }
}

async function boot(
  image: LoadedGuest,
  machine: Machine,
  console: GuestConsole,
  address: string | undefined,
): Promise<void> {
  const from = console.position
  try {
    const plan = image.plan({
      memoryMb: machine.config.ramBytes / 2 ** 20,
      ...(address === undefined ? {} : { address: `${address}/24` }),
    })
    await machine.boot({
      segments: plan.segments.map(({ address, bytes }) => ({ address, bytes })),
      gdt: plan.gdt,
      registers: plan.registers,
      ports: plan.needsVgaText ? vgaTextMode() : [],
    })
  } catch (thrown) {
    throw asFerryError(thrown)
  }
  await machine.resume()
  if (image.ready !== undefined) await console.expect(image.ready, { timeoutMs: BOOT_DEADLINE_MS, from })
  else await quiet(console)
}

/** Before anything else: where the disk's controller is on the bus, hypervisors differ; what was found once is kept. */
async function bringDiskUp({ entry }: LoadedGuest, { config }: Machine, console: GuestConsole): Promise<void> {
  if (entry?.diskUp === undefined || config.disk === null) return
  await console.command(entry.diskUp, new RegExp(RegExp.escape(entry.shell.prompt)), BOOT_DEADLINE_MS)
}

/** Resolves when the console has been silent for a while. */
function quiet(console: GuestConsole): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      off()
      resolve()
    }
    let timer = setTimeout(end, QUIET_MS)
    const off = console.on('output', () => {
      clearTimeout(timer)
      timer = setTimeout(end, QUIET_MS)
    })
  })
}

/** One state for each image, RAM size, machine and emulator. */
function stateFile(image: LoadedGuest, { config }: Machine): string {
  const { ramBytes, vgaBytes, apic, disk } = config
  const diskKey = disk === null ? [0] : [disk.byteLength, image.entry?.diskUp ?? '']
  const key = JSON.stringify([EMULATOR_IDENTITY, image.digests, ramBytes, vgaBytes, apic, ...diskKey])
  const digest = createHash('sha256').update(key).digest('hex').slice(0, 24)
  return join(cacheDirectory(), 'states', `${image.name}-${ramBytes / 2 ** 20}-${digest}.state`)
}

async function keep(file: string, machine: Machine): Promise<void> {
  await machine.pause()
  const state = await saveBootState(machine)
  await machine.resume()
  const folder = join(file, '..')
  await mkdir(folder, { recursive: true })
  const others = (await readdir(folder)).filter((name) => name.endsWith('.state')).sort()
  for (const name of others.slice(0, Math.max(0, others.length - KEPT_STATES))) {
    await rm(join(folder, name), { force: true })
  }
  await writeAtomically(file, state)
}
