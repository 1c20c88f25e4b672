/** What is asked for, and when. */
import { expect, test } from 'vitest'
import type { GuestView, MethodName } from '../../../engine/contract/lab.ts'
import { CRITICAL_MS, type Crossing, EVERY_MS, type Sampled, Sampler } from '../../../engine/lab/recordings/sampler.ts'

const GUEST: GuestView = {
  id: 'g1',
  name: 'labos-1',
  image: 'labos',
  host: 'xen',
  state: 'running',
  ram_B: 8 << 20,
  workload: 'idle',
  ip: '10.0.0.11',
  mac: '02:fe:00:00:01:01',
  started: 'booted',
  start_ms: 1,
}

/** A lab that answers nothing, and says what it was asked. */
function lab() {
  const asked: MethodName[] = []
  const state = { guest: GUEST, crossing: null as Crossing | null, asked }
  const sampled: Sampled = {
    call: (method) => {
      asked.push(method)
      return Promise.reject(new Error('not now'))
    },
    guests: () => [state.guest],
    crossings: () => (state.crossing === null ? [] : [state.crossing]),
  }
  const sampler = new Sampler(sampled, () => {})
  const look = async (now: number): Promise<MethodName[]> => {
    asked.length = 0
    await sampler.look(now)
    return [...asked]
  }
  return { state, look }
}
const crossing = (stage: number, arrived = false): Crossing => ({ run_id: 'r', guest: 'g1', stage, arrived })

test('all is asked for first, and later what is due', async () => {
  const { look } = lab()
  expect(new Set(await look(0))).toEqual(
    new Set([
      'hosts.list',
      'guests.list',
      'runs.list',
      'guests.state',
      'guests.memory',
      'guests.pages',
      'guests.screen',
    ]),
  )
  expect(await look(EVERY_MS.textScreen - 1)).toEqual([])
  expect(await look(EVERY_MS.textScreen)).toEqual(['guests.screen'])
  expect(new Set(await look(EVERY_MS.pagesResting))).toEqual(
    new Set(['hosts.list', 'guests.list', 'guests.pages', 'guests.screen']),
  )
  expect(await look(EVERY_MS.state)).toContain('guests.state')
})

test('a guest that sets out is looked at whole, then only its pages, memory and screen', async () => {
  const { state, look } = lab()
  await look(0)
  state.guest = { ...GUEST, state: 'migrating' }
  state.crossing = crossing(0)
  expect(await look(10)).toEqual(expect.arrayContaining(['guests.state', 'guests.memory', 'guests.pages']))
  state.crossing = crossing(2)
  expect(await look(10 + EVERY_MS.pagesMoving)).toEqual(['guests.pages', 'guests.screen'])
  expect(await look(20_000)).not.toContain('guests.state')
})

test('nothing is asked while a guest stands still, but its pages where that lasts', async () => {
  const { state, look } = lab()
  await look(0)
  state.guest = { ...GUEST, state: 'migrating' }
  for (const stage of [3, 4, 5]) {
    state.crossing = crossing(stage)
    expect(await look(10_000)).toEqual([])
    expect(await look(10_000 + CRITICAL_MS - 1)).toEqual([])
  }
  const later = await look(10_000 + CRITICAL_MS)
  expect(later.filter((method) => method.startsWith('guests.') && method !== 'guests.list')).toEqual(['guests.pages'])
  state.crossing = crossing(5, true)
  state.guest = { ...GUEST, state: 'migrating', host: 'kvm' }
  expect(await look(10_100 + CRITICAL_MS)).toEqual(expect.arrayContaining(['guests.memory', 'guests.screen']))
  state.crossing = null
  state.guest = { ...GUEST, host: 'kvm' }
  expect(await look(10_200 + CRITICAL_MS)).toContain('guests.state')
})

test('a guest that starts or has crashed is left alone', async () => {
  const { state, look } = lab()
  for (const is of ['starting', 'crashed'] as const) {
    state.guest = { ...GUEST, state: is }
    expect(await look(is === 'starting' ? 0 : 5000)).not.toContain('guests.screen')
  }
})
