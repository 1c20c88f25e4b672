/** Whether a window can be opened here at all, and what the system makes of Chromium's sandbox. */
import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

export function hasDisplay(platform = process.platform, environment = process.env): boolean {
  if (platform !== 'linux') return true
  return ['DISPLAY', 'WAYLAND_DISPLAY'].some((name) => (environment[name] ?? '') !== '')
}

/**
 * Chromium's sandbox needs user namespaces, or its helper owned by root. Where it has neither, Electron would end at once.
 * @returns why the sandbox of the operating system has to be left off; undefined = it works
 */
export function sandboxProblem(program: string): string | undefined {
  if (process.platform !== 'linux') return undefined
  if (process.getuid?.() === 0) return 'Ferry runs as root'
  const namespaces =
    readSetting('/proc/sys/kernel/unprivileged_userns_clone') !== '0' &&
    readSetting('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') !== '1'
  if (namespaces) return undefined
  const helper = statSync(join(dirname(program), 'chrome-sandbox'), { throwIfNoEntry: false })
  if (helper?.uid === 0 && (helper.mode & 0o4000) !== 0) return undefined
  return 'this system does not let programs of users make namespaces'
}

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
