/**
 * Whether several connections would carry a guest's memory faster than one: frames of pages from one thread to the same, as in
 * a lab, whose hosts share the thread that has the connections.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { Interrupt } from '../../engine/migration/interrupt.ts'
import { LINK_PRESETS } from '../../engine/migration/link.ts'
import { Connection } from '../../engine/migration/protocol/connection.ts'
import { dial } from '../../engine/migration/protocol/dial.ts'
import { nowMs } from '../../engine/util/clock.ts'
import { withOneBuffer } from '../../engine/util/one-buffer.ts'
import { BLOCK, PAGE_SIZE } from '../../engine/vmstate/blocks.ts'
import { type Row, show, summarize } from './statistics.ts'

const FRAMES = 256
const PAGES_PER_FRAME = 256
const COUNTS = [1, 2, 4] as const
const DEADLINE_MS = 60_000

const connection = (socket: Socket, side: 'source' | 'target') =>
  new Connection(socket, new Interrupt(), {
    side,
    link: LINK_PRESETS.unlimited,
    idleMs: DEADLINE_MS,
    keepaliveMs: DEADLINE_MS,
  })

/** So many connections to this process. */
async function pairs(count: number): Promise<{ source: Connection; target: Connection }[]> {
  const server = createServer({ pauseOnConnect: true, noDelay: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const made = []
  for (let i = 0; i < count; i++) {
    const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
    const socket = await dial({ name: 'itself', address: '127.0.0.1', port }, new Interrupt(), DEADLINE_MS)
    const target = connection(withOneBuffer(await accepted), 'target')
    made.push({ source: connection(socket, 'source'), target })
  }
  server.close()
  return made
}

/** @returns MB per second */
async function carry(count: number): Promise<number> {
  const made = await pairs(count)
  const memory = new Uint8Array(FRAMES * PAGES_PER_FRAME * PAGE_SIZE).fill(1)
  const copy = new Uint8Array(memory.length).fill(2)
  const numbers = Uint32Array.from({ length: PAGES_PER_FRAME }, (_, i) => i)
  const frameBytes = PAGES_PER_FRAME * PAGE_SIZE
  const share = FRAMES / count
  const startMs = nowMs()
  const all = made.map(async ({ source, target }, at) => {
    const sending = (async () => {
      for (let i = 0; i < share; i++) {
        const place = source.place(frameBytes)
        const from = (at * share + i) * frameBytes
        place.set(memory.subarray(from, from + frameBytes))
        const batch = { block: BLOCK.ram, pages: numbers, zeroPages: new Uint32Array(0), data: place }
        await source.send({ type: 'PAGES', body: { batch, hold: false } }, DEADLINE_MS)
        source.placed(place, place)
      }
    })()
    for (let i = 0; i < share; i++) {
      const { body } = await target.receive(['PAGES'], DEADLINE_MS, 'pages')
      copy.set(body.batch.data, (at * share + i) * frameBytes)
      target.recycle(body.batch.data)
    }
    await sending
  })
  await Promise.all(all)
  const tookMs = nowMs() - startMs
  for (const { source, target } of made) for (const each of [source, target]) each.destroy()
  return memory.length / 1e3 / tookMs
}

export async function connectionRows({ n, progress }: { n: number; progress: (line: string) => void }): Promise<Row[]> {
  const speeds = new Map(COUNTS.map((count) => [count, [] as number[]]))
  // In turns, so that a slow phase of the computer meets all; the first of each is not compiled yet.
  for (let round = 0; round <= n; round++) {
    for (const count of COUNTS) {
      const speed = await carry(count)
      if (round > 0) speeds.get(count)?.push(speed)
    }
    progress(`connections: ${round} of ${n}`)
  }
  const one = summarize(speeds.get(1) ?? []).median
  return [...speeds].map(([count, values]) => ({
    measured: `pages over ${count} ${count === 1 ? 'connection' : 'connections'}, MB/s`,
    figure: show(summarize(values), 0),
    target: count === 1 ? '–' : 'more than over one',
    reached: count === 1 || summarize(values).median > one,
  }))
}
