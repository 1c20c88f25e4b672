/** A display for the tests: Xvfb's, or a clear reason why there is none. */
import { spawn } from 'node:child_process'
import { lacks, NEEDS, XVFB } from '../setup/needs.ts'

export interface Display {
  readonly name: string
  close(): void
}

/** Why no window can be opened here; undefined = one can. */
export const noDisplay = (): string | undefined =>
  process.platform === 'linux' ? lacks(NEEDS.xvfb, NEEDS.electronLibraries) : undefined

/** Xvfb chooses a free number. */
export async function openDisplay(size = '1600x1000x24'): Promise<Display> {
  if (process.platform !== 'linux') return { name: '', close: () => {} }
  const child = spawn(XVFB, ['-displayfd', '3', '-screen', '0', size, '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  const number = await new Promise<string>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`Xvfb ended with exit code ${code}.`)))
    child.stdio[3]?.once('data', (data: Buffer) => resolve(data.toString('latin1').trim()))
  })
  return { name: `:${number}`, close: () => void child.kill() }
}
