/**
 * `npm run dist`: packs the app; what is added goes to electron-builder (`npm run dist -- --dir`). Where the official
 * Electron cannot be had, the one at hand serves for a packed app to look at and to test, not to be shipped: its Node is
 * too old for the lab service, so a Node goes beside it.
 */
import { spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { builtPage } from '../engine/serve/built-page.ts'
import { compile, PROJECT } from './compile.ts'
import { findRuntime } from './runtime/find.ts'

const NODE = process.platform === 'win32' ? 'node.exe' : 'node'
const CONFIGURATION = join(PROJECT, 'output', 'electron-builder.json')

const say = (line: string): void => console.error(line)

const runtime = await findRuntime({ note: say })
await compile()
await builtPage(PROJECT, { build: true, note: say })

let version: string | undefined
if (runtime.origin !== 'official') {
  version = versionOf(runtime.program)
  say(`Electron ${version} (${runtime.origin}) takes the official one's place: try this app out, do not ship it.`)
}
await mkdir(dirname(CONFIGURATION), { recursive: true })
await writeFile(
  CONFIGURATION,
  JSON.stringify({
    extends: join(PROJECT, 'build', 'electron-builder.yml'),
    ...(version === undefined
      ? {}
      : {
          electronVersion: version,
          electronDist: dirname(runtime.program),
          extraResources: [{ from: process.execPath, to: NODE }],
          afterPack: join(PROJECT, 'build', 'drop-starter.js'),
        }),
  }),
)
const builder = createRequire(import.meta.url).resolve('electron-builder/cli.js')
const { status } = spawnSync(
  process.execPath,
  [builder, '--config', CONFIGURATION, '--publish', 'never', ...process.argv.slice(2)],
  { cwd: PROJECT, stdio: 'inherit', env: { ...process.env, ELECTRON_RUN_AS_NODE: undefined } },
)
process.exitCode = status ?? 1

function versionOf(program: string): string {
  const script = 'process.stdout.write(process.versions.electron)'
  const { stdout } = spawnSync(program, ['-e', script], {
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    encoding: 'utf8',
  })
  if (!/^\d+\.\d+\.\d+/.test(stdout)) throw new Error(`${program} does not tell its version.`)
  return stdout
}
