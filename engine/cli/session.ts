/** A lab for one command: the store, two hosts, and the guest that was asked for, or LabOS in its place. */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { loadManifest } from '../../images/manifest.ts'
import { listUserImages } from '../../images/user.ts'
import type { GuestInput, MigrateInput } from '../contract/lab.ts'
import type { HostKind } from '../contract/report.ts'
import { loadImage } from '../lab/guest-images.ts'
import { defaultStore } from '../lab/places.ts'
import { LabService } from '../lab/service.ts'
import { parseWorkload, workloadCommand } from '../lab/workload.ts'
import { asFerryError, usageError } from './errors.ts'
import type { GuestOptions, MoveOptions } from './options.ts'
import { savingsInput } from './saving-options.ts'
import { targetInput } from './target-options.ts'

const FALLBACK = 'labos'
const FALLBACK_WORKLOAD = 'dirty:2000'

/** The folder of the default store is made; that of a file the user names has to be there. */
export async function storePath(given: string | undefined): Promise<string> {
  if (given !== undefined) return given
  const path = defaultStore()
  await mkdir(dirname(path), { recursive: true })
  return path
}

export async function openLab(
  store: string | undefined,
  seed: number,
  note: (line: string) => void,
): Promise<LabService> {
  // Without machines held ready the memory of a small computer is the guests' alone.
  const standby = process.env['FERRY_STANDBY'] !== 'off'
  return new LabService({ store: await storePath(store), seed, standby, onNote: note })
}

/** From now on until it is closed the lab is recorded, where that is asked for. @throws FerryError `recording.*` */
export async function recordLab(service: LabService, file: string | undefined, title: string): Promise<void> {
  if (file === undefined) return
  try {
    await service.call('recordings.start', { path: file, title })
  } catch (thrown) {
    await service.close()
    throw thrown
  }
}

/** The two hosts of a command, named after their kinds: unlike ones, unless `to` says otherwise. */
export async function addHosts(service: LabService, options: { from: HostKind; to?: HostKind }) {
  const { from, to = from === 'xen' ? 'kvm' : 'xen' } = options
  const names = { from, to: from === to ? `${to}-2` : to }
  await service.call('hosts.add', { name: names.from, kind: from })
  await service.call('hosts.add', { name: names.to, kind: to })
  return names
}

/** What a guest will be made from, known to be good. */
export type GuestPlan = Omit<GuestInput, 'host'> & { readonly workload: string }

/**
 * Checks what was asked for before anything is started. Where the Linux image cannot be had, LabOS serves, and `note`
 * says why.
 * @throws FerryError `usage`, `workload.*`, with `strictGuest` also `image.*`
 */
export async function planGuest(
  options: GuestOptions,
  workload: string,
  note: (line: string) => void,
): Promise<GuestPlan> {
  const { images } = await loadManifest()
  const entry = images.find(({ name }) => name === options.guest)
  if (entry === undefined) return planOwnImage(options)
  workloadCommand(entry, parseWorkload(workload))
  if (options.ram !== undefined && options.ram < entry.memory.minimumMb) {
    throw usageError(`${entry.title} needs at least ${entry.memory.minimumMb} MiB of RAM, not ${options.ram}.`)
  }
  const plan = {
    image: options.guest,
    ram_MB: options.ram ?? entry.memory.defaultMb,
    heartbeat_ms: options.heartbeat,
    disk_MB: options.disk,
    workload,
  }
  if (entry.source.type === 'file') return plan
  try {
    await loadImage(entry.name, note)
    return plan
  } catch (thrown) {
    const error = asFerryError(thrown)
    const labos = images.find(({ name }) => name === FALLBACK)
    if (options.strictGuest === true || labos === undefined || !error.code.startsWith('image.')) throw error
    note(`The Linux image cannot be had here: ${error.message} LabOS, the lab's own guest, serves in its place.`)
    const known = labos.workloads.some(({ name }) => name === parseWorkload(workload).name)
    if (!known) note(`LabOS has no workload "${workload}"; ${FALLBACK_WORKLOAD} runs instead.`)
    return { ...plan, image: FALLBACK, workload: known ? workload : FALLBACK_WORKLOAD }
  }
}

async function planOwnImage(options: GuestOptions): Promise<GuestPlan> {
  const own = await listUserImages()
  const image = own.find(({ name }) => name === options.guest)
  if (image === undefined) {
    const names = ['linux', FALLBACK, ...own.map(({ name }) => name)].join(', ')
    throw usageError(`There is no guest "${options.guest}". There are: ${names}. \`ferry images add\` adds your own.`)
  }
  if (options.workload !== undefined && options.workload !== 'idle') {
    throw usageError(`Ferry knows no workloads of ${image.name}, an image of your own. Start one on its console.`)
  }
  if (options.heartbeat > 0) throw usageError(`Ferry knows no heartbeat of ${image.name}, an image of your own.`)
  return {
    image: image.name,
    ram_MB: options.ram ?? Math.max(image.minRam, 64),
    disk_MB: options.disk,
    workload: 'idle',
  }
}

/** The contract's form of the options; `repeat` counts from 0 and moves the seed on. */
export function migrateInput(guest: string, to: string, options: MoveOptions, repeat = 0): MigrateInput {
  const { pre_copy, ...targets } = targetInput(options)
  return {
    guest,
    to,
    ...algorithmInput(options.algorithm),
    ...targets,
    link: options.link,
    verify_ram: options.verifyRam ?? false,
    probe_ms: options.probe,
    seed: options.seed + repeat,
    ...(options.cutStage === undefined ? {} : { cut_in_stage: options.cutStage }),
    savings: savingsInput(options),
    pre_copy: {
      ...pre_copy,
      ...(options.thresholdPages === undefined ? {} : { threshold_pages: options.thresholdPages }),
      ...(options.maxRounds === undefined ? {} : { max_rounds: options.maxRounds }),
    },
  }
}

function algorithmInput(name: string): Partial<MigrateInput> {
  if (name === 'random') return { random_algorithm: true }
  return name === 'auto' ? { automatic: true } : { algorithms: [name] }
}
