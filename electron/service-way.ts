/** Which of the two ways the lab service's process is started in, by what the runtime offers. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The oldest Node that the service (its SQLite) runs on. */
export const OLDEST_NODE = [22, 12] as const

export type Way = 'utility' | 'child'

/** @param node version of the Node in this Electron, e.g. `20.18.1` */
export function wayFor(node: string): Way {
  const [major = 0, minor = 0] = node.split('.').map(Number)
  return major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]) ? 'utility' : 'child'
}

/** The Node for a plain child: the one the launcher runs on, or the one that stands beside the packed app. */
export function nodeForChild(): string | undefined {
  const name = process.platform === 'win32' ? 'node.exe' : 'node'
  return [process.env['FERRY_NODE'], join(process.resourcesPath, name)].find(
    (path) => path !== undefined && path !== '' && existsSync(path),
  )
}
