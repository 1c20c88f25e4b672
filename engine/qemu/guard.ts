/**
 * Sees to it that no QEMU outlives Ferry, however Ferry ends. A shell waits for the end of a pipe that only this process
 * writes to: when it is killed, the kernel closes the pipe, and the shell ends QEMU and removes its folder.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'

const SCRIPT = 'cat >/dev/null 2>&1; kill -KILL "$0" 2>/dev/null; rm -rf -- "$1"'

interface Guarded {
  readonly child: ChildProcess
  readonly folder: string
}

const living = new Set<Guarded>()
process.once('exit', () => {
  for (const { child, folder } of living) {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})

/**
 * Watches over a process until it has ended.
 * @param folder its files; removed with it where this process ends first
 * @returns to be called when the process has ended
 */
export function guard(child: ChildProcess, folder: string): () => void {
  const guarded: Guarded = { child, folder }
  living.add(guarded)
  // A session of its own: a Ctrl-C in the terminal is for Ferry, which ends its machines in order.
  const options = { stdio: ['pipe', 'ignore', 'ignore'] as ['pipe', 'ignore', 'ignore'], detached: true }
  const shell = spawn('/bin/sh', ['-c', SCRIPT, String(child.pid ?? 0), folder], options)
  // Without a shell there is still the end of this process above; a kill of it is then not covered.
  shell.on('error', () => undefined)
  shell.stdin.on('error', () => undefined)
  shell.unref()
  return () => {
    living.delete(guarded)
    shell.kill('SIGKILL')
    shell.stdin.destroy()
  }
}
