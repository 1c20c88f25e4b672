/**
 * Makes test/fixtures/recordings/two-crossings.ferryrec: a LabOS guest that writes its memory crosses from Xen to KVM by
 * pre-copy and back by pull-copy, while somebody types. `npm exec -- node test/replay/make-sample.ts`
 */
import { writeFile } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type EventName, EVENTS, type MethodInput, type MethodName } from '../../engine/contract/lab.ts'
import { LabService } from '../../engine/lab/service.ts'
import type { Entry } from '../../engine/recording/entries.ts'
import { recordingFile } from './recording-file.ts'

const OUT = fileURLToPath(new URL('../fixtures/recordings/two-crossings.ferryrec', import.meta.url))
const SCREEN_MS = 250
/** Frames beyond these are recorded without their parts. */
const MOST_MESSAGES = 40

const service = new LabService({ store: ':memory:' })
const entries: Entry[] = []
const began = performance.now()
const now = (): number => Math.round((performance.now() - began) * 1000) / 1000

/** An entry is what the type says, once its method and its result belong together; here they do by construction. */
const add = (entry: object): void => void entries.push({ t: now(), ...entry } as Entry)

const told = new Map<string, string>()
/** Asks, and records the answer where it is another one than the last time. */
async function sample<M extends MethodName>(method: M, input: MethodInput<M>): Promise<void> {
  try {
    const result = await service.call(method, input)
    const key = JSON.stringify([method, input])
    const text = JSON.stringify(result)
    if (told.get(key) === text) return
    told.set(key, text)
    add({ answer: method, input, result })
  } catch {
    // While the guest switches over there is nothing to ask.
  }
}

async function act<M extends MethodName>(method: M, input: MethodInput<M>) {
  const entry = { action: method, input, failed: null }
  add(entry)
  return service.call(method, input)
}

const known = new Set<string>()
for (const event of Object.keys(EVENTS) as EventName[]) {
  service.on(event, (payload) => {
    if (event === 'migrations.progress' && 'run_id' in payload && !known.has(payload.run_id)) {
      known.add(payload.run_id)
      void sample('migrations.active', {})
    }
    add({ event, payload })
  })
}

const looks = async (guest: string): Promise<void> => {
  await sample('guests.screen', { guest })
  await sample('guests.pages', { guest })
}
const deepLooks = async (guest: string): Promise<void> => {
  await sample('guests.memory', { guest, rows: 64, frames: true })
  for (const as of ['xen', 'kvm'] as const) await sample('guests.state', { guest, as })
  await sample('hosts.list', {})
}

async function during(guest: string, ms: number): Promise<void> {
  const end = performance.now() + ms
  while (performance.now() < end) {
    await looks(guest)
    await sleep(SCREEN_MS)
  }
}

async function cross(guest: string, to: string, algorithm: string): Promise<void> {
  await deepLooks(guest)
  const { run_id } = await act('migrations.start', {
    guest,
    to,
    algorithms: [algorithm],
    link: '100M',
    check: true,
    verify_ram: algorithm === 'pre-copy',
  }).then((result) => result as { run_id: string })
  let over = false
  const end = service.call('migrations.wait', { run_id }).finally(() => (over = true))
  while (!over) {
    await sample('guests.pages', { guest })
    await sleep(SCREEN_MS)
  }
  await end
  await sample('runs.details', { run_id })
  const { messages } = await service.call('runs.messages', { run_id })
  for (let index = 0; index < Math.min(MOST_MESSAGES, messages.length); index++)
    await sample('runs.message', { run_id, index })
  await sample('runs.list', { limit: 20 })
  await deepLooks(guest)
}

for (const kind of ['xen', 'kvm'] as const) await service.call('hosts.add', { name: kind, kind, port: 0 })
for (const method of ['hosts.list', 'guests.list', 'images.list', 'algorithms.list', 'links.list'] as const)
  await sample(method, {})
await sample('runs.list', { limit: 20 })
await sample('migrations.active', {})
const created = await act('guests.create', { image: 'labos', host: 'xen', ram_MB: 8, workload: 'dirty:500' })
const { id: guest } = created as { id: string }
await sample('guests.console', { guest })
await deepLooks(guest)
await during(guest, 1000)
for (const letter of 'uptime\r') {
  await act('guests.write', { guest, data: letter })
  await sleep(60)
}
await during(guest, 500)
await cross(guest, 'kvm', 'pre-copy')
await during(guest, 1500)
await act('guests.pause', { guest })
await sleep(400)
await act('guests.resume', { guest })
await during(guest, 500)
await cross(guest, 'xen', 'pull-copy')
await during(guest, 1500)

const file = await recordingFile(entries, {
  title: 'Two crossings',
  duration_ms: now(),
  annotations: {
    bookmarks: [{ t: 1000, title: 'The guest is up' }],
    captions: [{ from: 1200, to: 3000, text: 'We ask the guest how long it has been up, and then move it.' }],
  },
})
await service.close()
await writeFile(OUT, file)
console.log(`${OUT}: ${entries.length} entries, ${file.length} bytes`)
