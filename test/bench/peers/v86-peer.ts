/** v86's own save and restore as a peer of the bench: no link, no hypervisor, one process. */
import { join } from 'node:path'
import * as v from 'valibot'
import { onThread } from '../on-thread.ts'
import { loadCommands, LOADS } from './loads.ts'
import type { Case } from './plan.ts'
import { type Measured, measured } from './row.ts'
import type { V86Task } from './v86-thread.ts'

const SCRIPT = new URL('./v86-thread.ts', import.meta.url)

export class V86Peer {
  readonly #folder: string
  readonly #states = new Map<number, Promise<string>>()

  /** @param folder for the booted guests' states; the caller removes it */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** One save and restore, in a thread of its own. Rejects with what the thread throws. */
  async run(of: Case): Promise<Measured> {
    const file = await this.#state(of.ram_MB)
    const commands = await loadCommands(LOADS[of.load])
    const message = await run({ kind: 'move', ramMb: of.ram_MB, file, commands, compared: of.kind === 'compared' })
    return v.parse(measured, message)
  }

  /** File of the guest at its prompt, booted on first use. */
  #state(ramMb: number): Promise<string> {
    const known = this.#states.get(ramMb)
    if (known !== undefined) return known
    const file = join(this.#folder, `v86-${ramMb}.state`)
    const made = run({ kind: 'boot', ramMb, file }).then(() => file)
    this.#states.set(ramMb, made)
    return made
  }
}

const run = (task: V86Task): Promise<unknown> => onThread(SCRIPT, task)
