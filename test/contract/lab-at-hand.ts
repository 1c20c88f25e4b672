/** A lab for tests of transports: real, with two hosts and no guests; a few of its methods can be held up. */
import type { EventName, LabEvents, MethodInput, MethodName, MethodOutput } from '../../engine/contract/lab.ts'
import { LabService } from '../../engine/lab/service.ts'

export class LabAtHand extends LabService {
  /** Calls of this method are not answered. */
  readonly held = new Set<MethodName>()
  /** Calls that came in. */
  readonly calls: MethodName[] = []

  constructor() {
    super({ store: ':memory:' })
  }

  override async call<M extends MethodName>(method: M, input: MethodInput<M>): Promise<MethodOutput<M>> {
    this.calls.push(method)
    if (this.held.has(method)) return new Promise(() => {})
    return super.call(method, input)
  }

  tell<E extends EventName>(event: E, payload: LabEvents[E]): void {
    this.lab.events.emit(event, payload)
  }
}

export async function openLab(): Promise<LabAtHand> {
  const service = new LabAtHand()
  await service.call('hosts.add', { name: 'xen', kind: 'xen', port: 0 })
  await service.call('hosts.add', { name: 'kvm', kind: 'kvm', port: 0 })
  service.calls.length = 0
  return service
}

/** Waits until it is so. */
export async function until(condition: () => boolean, what: string, timeout_ms = 60_000): Promise<void> {
  const deadline = performance.now() + timeout_ms
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Not within ${timeout_ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
