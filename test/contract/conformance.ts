/** What every transport of the contract promises, whatever carries the calls. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import * as v from 'valibot'
import {
  type EventName,
  type LabEvents,
  METHODS,
  type MethodInput,
  type MethodName,
  type MethodOutput,
} from '../../engine/contract/lab.ts'
import { PAGE_STATE } from '../../engine/contract/pages.ts'
import { sampleParts, sampleReport } from '../lab/store/samples.ts'
import { type LabAtHand, openLab, until } from './lab-at-hand.ts'

/** A front end's end of a transport. */
export interface Client {
  call<M extends MethodName>(method: M, input: MethodInput<M>): Promise<MethodOutput<M>>
  /** Absent where the transport carries no events. */
  readonly on?: <E extends EventName>(event: E, listener: (payload: LabEvents[E]) => void) => () => void
  close(): void
}

export interface Connection {
  connect(): Promise<Client>
  /** Breaks all connections from the lab's side; absent where there is none to break. */
  readonly breakOff?: () => void
  /** Of the error that calls end with then. */
  readonly goneCode?: string
  close(): Promise<void>
}

export interface Transport {
  readonly name: string
  open(service: LabAtHand): Promise<Connection>
}

export function conformance(transport: Transport, has: { events: boolean; breaks: boolean; guests: boolean }): void {
  describe(transport.name, () => {
    let service: LabAtHand
    let connection: Connection
    let client: Client
    beforeEach(async () => {
      service = await openLab()
      connection = await transport.open(service)
      client = await connection.connect()
    })
    afterEach(async () => {
      client.close()
      await connection.close()
      await service.close()
    })

    test('answers a call with what the method returns, defaults filled in', async () => {
      const hosts = await client.call('hosts.list', {})
      expect(v.parse(METHODS['hosts.list'].output, hosts)).toEqual(await service.call('hosts.list', {}))
      expect(await client.call('runs.export', { what: 'runs' })).toMatchObject({ runs: 0 })
      expect(await client.call('hosts.remove', { name: 'kvm' })).toBeUndefined()
    })

    test('matches answers to calls, however many are under way and in whatever order they end', async () => {
      const names = Array.from({ length: 8 }, (_, i) => `host-${i}`)
      const slow = names.map((name) => client.call('hosts.add', { name, kind: 'xen', port: 0 }))
      const quick = client.call('links.list', {})
      expect((await Promise.all(slow)).map(({ name }) => name)).toEqual(names)
      expect(await quick).toEqual(await service.call('links.list', {}))
    })

    test('refuses a wrong input before anything happens, naming the field in code and data', async () => {
      const wrong = client.call('guests.create', { image: 'labos', host: 'xen', ram_MB: 1 })
      await expect(wrong).rejects.toMatchObject({
        code: 'lab.input',
        message: expect.stringContaining('ram_MB') as string,
        data: { method: 'guests.create', field: 'ram_MB' },
      })
      expect(await client.call('guests.list', {})).toEqual([])
    })

    test('brings the errors of a method across with code, message and data', async () => {
      const here = await service.call('guests.pause', { guest: 'nobody' }).catch((error: unknown) => error)
      const there = await client.call('guests.pause', { guest: 'nobody' }).catch((error: unknown) => error)
      const { code, message, data } = here as { code: string; message: string; data: object }
      expect(there).toBeInstanceOf(Error)
      expect(there).toMatchObject({ code, message, data })
      expect({ code, data }).toEqual({ code: 'guest.unknown', data: { guest: 'nobody' } })
    })

    test.each(['guests.explode', 'constructor', '__proto__'])('refuses %s, no method, and goes on', async (name) => {
      await expect(client.call(name as MethodName, {})).rejects.toMatchObject({
        code: 'lab.method',
        data: { method: name },
      })
      expect(await client.call('guests.list', {})).toEqual([])
    })

    test('carries megabytes there and back, every character of them', async () => {
      const rows = Array.from({ length: 800 }, (_, i) => sampleReport(i))
      for (const report of rows) service.lab.store.saveRun(report, sampleParts(0, 0))
      const runs = await client.call('runs.list', { limit: 10_000 })
      expect(JSON.stringify(runs).length).toBeGreaterThan(1_000_000)
      expect(runs).toEqual(rows.map((report) => ({ ...report, note: null })).toReversed())
      const text = `"\\\u0000\n\u2028 żółw 🐢 ${'x'.repeat(9_000)}`
      await client.call('runs.note', { run_id: 'run-7', text })
      expect((await client.call('runs.details', { run_id: 'run-7' })).note).toBe(text)
    })

    test('brings every byte that is kept of a message across', async () => {
      const { messages, ...parts } = sampleParts(0, 0)
      const head = Uint8Array.from({ length: 256 }, (_, i) => i)
      service.lab.store.saveRun(sampleReport(0), { ...parts, messages: [{ ...messages[0], bytes_B: 300, head }] })
      const details = await client.call('runs.message', { run_id: 'run-0', index: 0 })
      expect(v.parse(METHODS['runs.message'].output, details)).toMatchObject({ index: 0, not_kept_B: 44 })
      expect(Buffer.from(details.head, 'base64')).toEqual(Buffer.from(head))
      expect(await client.call('migrations.active', {})).toEqual([])
    })

    // One that carries events is what the window has.
    test.runIf(has.guests)('tells the state of every page of a guest', async () => {
      const guest = await client.call('guests.create', { image: 'labos', host: 'xen', ram_MB: 8 })
      const view = v.parse(METHODS['guests.pages'].output, await client.call('guests.pages', { guest: guest.id }))
      expect(view).toMatchObject({ host: 'xen', run_id: null, pages: 2048 })
      const states = Buffer.from(view.states, 'base64')
      expect(states).toHaveLength(2048)
      expect(new Set(states)).toEqual(new Set([PAGE_STATE.zero, PAGE_STATE.clean]))
      const { frames } = await client.call('guests.memory', { guest: guest.id, frames: true })
      expect(Buffer.from(frames ?? '', 'base64')).toHaveLength(4 * 2048)
    })

    test('exports the runs that it lists', async () => {
      for (let i = 0; i < 6; i++) {
        const kinds = i < 3 ? {} : { from_kind: 'kvm' as const, to_kind: 'xen' as const }
        service.lab.store.saveRun(sampleReport(i, { ...kinds, guest: i % 2 ? 'linux' : 'labos' }), sampleParts(i, 0))
      }
      await client.call('runs.note', { run_id: 'run-5', text: 'busy' })
      const filter = { from_kind: 'kvm' as const, guest: 'linux', text: 'Busy' }
      const listed = await client.call('runs.list', filter)
      expect(listed.map(({ run_id, note }) => [run_id, note])).toEqual([['run-5', 'busy']])
      const { csv, runs } = await client.call('runs.export', { what: 'runs', filter })
      expect([runs, csv.split('\r\n')[1].split(',')[0]]).toEqual([1, 'run-5'])
    })

    test.runIf(has.events)('tells events in their order, and before the answer that they precede', async () => {
      const told: string[] = []
      client.on?.('hosts.changed', ({ name }) => told.push(`host ${name}`))
      client.on?.('guests.removed', ({ guest }) => told.push(`removed ${guest}`))
      for (let i = 0; i < 500; i++) service.tell('guests.removed', { guest: `g${i}` })
      await client.call('hosts.add', { name: 'third', kind: 'kvm', port: 0 })
      told.push('answer')
      expect(told).toEqual([...Array.from({ length: 500 }, (_, i) => `removed g${i}`), 'host third', 'answer'])
    })

    test.runIf(has.events)('tells all of the console output of each guest, every byte, in order', async () => {
      const told: Record<string, string> = { a: '', b: '' }
      client.on?.('guests.output', ({ guest, data }) => (told[guest] += data))
      const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i))
      for (let i = 0; i < 500; i++) {
        service.tell('guests.output', { guest: 'a', data: `${i}${bytes}` })
        service.tell('guests.output', { guest: 'b', data: `${i};` })
      }
      await client.call('guests.list', {})
      expect(told.a).toBe(Array.from({ length: 500 }, (_, i) => `${i}${bytes}`).join(''))
      expect(told.b).toBe(Array.from({ length: 500 }, (_, i) => `${i};`).join(''))
    })

    test.runIf(has.events)('tells every client, and none that unsubscribed', async () => {
      const second = await connection.connect()
      const told: string[] = []
      const off = client.on?.('guests.removed', ({ guest }) => told.push(`first ${guest}`))
      second.on?.('guests.removed', ({ guest }) => told.push(`second ${guest}`))
      service.tell('guests.removed', { guest: 'a' })
      await Promise.all([client.call('guests.list', {}), second.call('guests.list', {})])
      off?.()
      service.tell('guests.removed', { guest: 'b' })
      await Promise.all([client.call('guests.list', {}), second.call('guests.list', {})])
      second.close()
      expect(told.sort()).toEqual(['first a', 'second a', 'second b'])
    })

    test.runIf(has.breaks)('rejects the calls that are under way when the connection ends', async () => {
      service.held.add('images.list')
      const calls = [client.call('images.list', {}), client.call('images.list', {})]
      const ended = Promise.allSettled(calls)
      await until(() => service.calls.length === 2, 'both calls have come in')
      connection.breakOff?.()
      for (const result of await ended) {
        expect(result).toMatchObject({ status: 'rejected', reason: { code: connection.goneCode } })
      }
    })

    test('a client that leaves is no concern of the lab or of other clients', async () => {
      const second = await connection.connect()
      service.held.add('images.list')
      second.call('images.list', {}).catch(() => {})
      await until(() => service.calls.length === 1, 'the call has come in')
      second.close()
      service.tell('guests.removed', { guest: 'a' })
      expect(await client.call('guests.list', {})).toEqual([])
    })
  })
}
