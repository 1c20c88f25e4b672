/** A display for the tests: Xvfb's, or a clear reason why there is none. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'

export interface Display {
  readonly name: string
  close(): void
}

const XVFB = '/usr/bin/Xvfb'

/** Why no window can be opened here; undefined = one can. */
export function noDisplay(): string | undefined {
  if (process.platform !== 'linux') return undefined
  return existsSync(XVFB) ? undefined : 'Xvfb is not installed (as root: apt-get install xvfb)'
}

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
