/**
 * Which computer measures. Its id is random and kept in the data directory, in a file of its own for each host name and
 * processor: machines that share a home directory, as the nodes of a cluster do, are still told apart. A container with a
 * new name each time counts as a new machine, for nothing says that it runs where the last one did.
 */
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { FerryError } from '../util/errors.ts'
import { dataDirectory } from './places.ts'
import type { MachineRecord } from './store/experiment-records.ts'

const ID = /^m-[0-9a-f]{12}$/

/**
 * This machine, with an id that is made where there is none yet.
 * @throws FerryError `machine.identity` where it can neither be read nor kept
 */
export function thisMachine(directory = dataDirectory()): MachineRecord {
  const cpus = os.cpus()
  const cpu_model = cpus[0]?.model.trim() ?? ''
  const cores = cpus.length
  const what = createHash('sha256')
    .update(JSON.stringify([os.hostname(), cpu_model, cores]))
    .digest('hex')
  return {
    machine_id: idIn(join(directory, 'machines'), what.slice(0, 16)),
    cpu_model,
    cores,
    memory_B: os.totalmem(),
    platform: `${process.platform} ${process.arch}`,
  }
}

function idIn(folder: string, name: string): string {
  const path = join(folder, name)
  try {
    mkdirSync(folder, { recursive: true })
    if (!existsSync(path)) makeId(path)
    const id = readFileSync(path, 'utf8').trim()
    if (ID.test(id)) return id
    throw new Error(`${path} does not hold the id of a machine; remove it, and a new one is made`)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `This machine's id cannot be kept, without which its measurements could not be told from others': ${why}.`
    throw new FerryError('machine.identity', message, { path }, cause)
  }
}

/** The file appears with its content, and only where there is none: of programs that start at once, all take the first one's. */
function makeId(path: string): void {
  const id = `m-${randomUUID().replaceAll('-', '').slice(0, 12)}`
  const made = `${path}.${id}`
  writeFileSync(made, `${id}\n`, { mode: 0o600 })
  try {
    linkSync(made, path)
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown
  } finally {
    rmSync(made)
  }
}
