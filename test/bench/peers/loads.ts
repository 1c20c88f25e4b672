/** What the guest does while it moves, and what is observed of it. */

import { parseWorkload, workloadCommand } from '../../../engine/lab/workload.ts'
import { loadManifest } from '../../../images/manifest.ts'
import { FerryError } from '../../../engine/util/errors.ts'

/** The guest of all peers. */
export const IMAGE = 'linux'

/** Who talks to the guest over the network meanwhile. */
export type Client = 'none' | 'players' | 'browsers'

export interface Load {
  readonly title: string
  /** As the lab takes it: `NAME[:VALUE,…]`. */
  readonly workload: string
  /** Period of the heartbeat on the serial line, ms; 0 = none. */
  readonly tickMs: number
  readonly client: Client
}

export const LOADS = {
  idle: { title: 'idle', workload: 'idle', tickMs: 0, client: 'none' },
  tick: { title: '5 ms tick', workload: 'idle', tickMs: 5, client: 'none' },
  dirty: { title: 'dirtying 2000 pages/s', workload: 'dirty:2000', tickMs: 5, client: 'none' },
  compile: { title: 'many short processes', workload: 'compile', tickMs: 5, client: 'none' },
  web: { title: 'web server under load', workload: 'web', tickMs: 0, client: 'browsers' },
  game: { title: 'game server, 20 Hz', workload: 'idle', tickMs: 0, client: 'players' },
} as const satisfies Readonly<Record<string, Load>>

export type LoadName = keyof typeof LOADS
export const LOAD_NAMES = Object.keys(LOADS) as readonly LoadName[]

export function isLoadName(name: string): name is LoadName {
  return Object.hasOwn(LOADS, name)
}

/** The answer to each of them. */
export const LOAD_IS_ON = / on\b.*\r\n/

/** Console lines that start a load in a guest that no lab looks after. */
export async function loadCommands({ workload, tickMs }: Load): Promise<string[]> {
  const image = (await loadManifest()).images.find(({ name }) => name === IMAGE)
  if (image === undefined) throw new FerryError('bench.image', `There is no guest ${IMAGE} among the images.`)
  return [
    ...(workload === 'idle' ? [] : [workloadCommand(image, parseWorkload(workload))]),
    ...(tickMs === 0 ? [] : [image.heartbeat.start.replace('{ms}', String(tickMs))]),
  ]
}
