/** All of RAM on both sides of a migration, compared page by page. */
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { differingPages } from '../ram.ts'
import type { Qemu } from './process.ts'

const CHUNK_BYTES = 4 * 2 ** 20

/** Pages that differ; both guests must stand still. @throws FerryError `qemu.*` */
export async function compareRam(source: Qemu, target: Qemu, ramMb: number, folder: string): Promise<number> {
  const files = [join(folder, 'source.ram'), join(folder, 'target.ram')] as const
  const size = ramMb * 2 ** 20
  try {
    await source.qmp.command('pmemsave', { val: 0, size, filename: files[0] })
    await target.qmp.command('pmemsave', { val: 0, size, filename: files[1] })
    return await compareFiles(files, size)
  } finally {
    for (const file of files) await rm(file, { force: true })
  }
}

async function compareFiles(files: readonly [string, string], size: number): Promise<number> {
  const a = await open(files[0])
  const b = await open(files[1])
  try {
    const [left, right] = [Buffer.alloc(CHUNK_BYTES), Buffer.alloc(CHUNK_BYTES)]
    let wrong = 0
    for (let at = 0; at < size; at += CHUNK_BYTES) {
      await a.read(left, 0, CHUNK_BYTES, at)
      await b.read(right, 0, CHUNK_BYTES, at)
      if (!left.equals(right)) wrong += differingPages(left, right, at)
    }
    return wrong
  } finally {
    await a.close()
    await b.close()
  }
}
