/** After packing with the registry's Electron: its starter for apps in folders (runtime/registry.ts) has no place beside the app. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'

export default ({ appOutDir }) => rm(join(appOutDir, 'resources', 'app'), { recursive: true, force: true })
