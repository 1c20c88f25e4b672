/** A lab for tests: hosts on any free port, LabOS guests, everything closed at the end of the test. */
import { onTestFinished } from 'vitest'
import type { GuestInput, GuestView, HostInput, MigrateInput } from '../../engine/contract/lab.ts'
import type { HostKind, RunReport } from '../../engine/contract/report.ts'
import { LabService } from '../../engine/lab/service.ts'

/**
 * @param notes takes what the lab notes for its user
 * @param standby whether hosts hold machines ready, which costs a test time that it seldom needs
 */
export async function openLab(hosts: readonly HostInput[], notes: string[] = [], standby = false): Promise<LabService> {
  const service = new LabService({ store: ':memory:', standby, onNote: (line) => notes.push(line) })
  onTestFinished(() => service.close())
  for (const host of hosts) await service.call('hosts.add', { port: 0, memory_MB: 256, ...host })
  return service
}

export const XEN_AND_KVM: readonly HostInput[] = [
  { name: 'xen', kind: 'xen' },
  { name: 'kvm', kind: 'kvm' },
]

/** Ways that a guest goes: `[algorithm, from, to]`. */
export type Way = readonly [algorithm: string, from: HostKind, to: HostKind]

export const betweenLike = (...algorithms: readonly string[]): Way[] =>
  algorithms.flatMap((algorithm) => (['xen', 'kvm'] as const).map((kind): Way => [algorithm, kind, kind]))

export function createLabOs(service: LabService, input: Partial<GuestInput> = {}): Promise<GuestView> {
  return service.call('guests.create', { image: 'labos', host: 'xen', ram_MB: 16, ...input })
}

export async function move(service: LabService, input: MigrateInput): Promise<RunReport> {
  const { run_id } = await service.call('migrations.start', input)
  return service.call('migrations.wait', { run_id })
}

export async function consoleOf(service: LabService, guest: string): Promise<string> {
  return (await service.call('guests.console', { guest })).text
}

/** The guest as the lab tells it now. */
export async function viewOf(service: LabService, guest: string): Promise<GuestView | undefined> {
  return (await service.call('guests.list', {})).find(({ id }) => id === guest)
}

/** Used machine memory of each host, in bytes, by name. */
export async function memoryUse(service: LabService): Promise<Record<string, number>> {
  const hosts = await service.call('hosts.list', {})
  return Object.fromEntries(hosts.map(({ name, memory_used_B }) => [name, memory_used_B]))
}

/** The numbers of the heartbeats on a console, which a guest counts by itself. */
export const beats = (text: string): number[] => [...text.matchAll(/^HB (\d+) /gm)].map(([, number]) => Number(number))

/** Whether none is missing. */
export const following = (numbers: readonly number[]): boolean =>
  numbers.every((n, i) => i === 0 || n === numbers[i - 1] + 1)
