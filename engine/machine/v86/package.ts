/** The pinned v86 package: found, checked, its wasm patched and compiled once per process. */
import { setFlagsFromString } from 'node:v8'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { FerryError } from '../../util/errors.ts'
import { patchV86 } from '../patches.ts'

/** The build that layout.ts and types.ts describe. Another one needs both to be gone through again. */
export const V86_VERSION = '0.5.462'
export const V86_DIGESTS = {
  'v86.wasm': 'aa0d0e149d6b60063b85de4871e78505637ce92821e14a9f9802c4008ba2336e',
  'libv86.mjs': '581c169db27daad9d64679bd117f4a90c37c23c6ad9e660b7e89ee731eb2a446',
} as const

/**
 * Reads a file of the package's build folder and checks its SHA-256.
 * @throws FerryError `machine.v86-missing` or `machine.v86-version`
 */
export async function readVerified(name: keyof typeof V86_DIGESTS): Promise<Buffer> {
  let bytes: Buffer
  try {
    // The package's main entry lies in its build folder.
    bytes = await readFile(join(dirname(createRequire(import.meta.url).resolve('v86')), name))
  } catch (cause) {
    throw new FerryError(
      'machine.v86-missing',
      'The emulator v86 is not installed. Run `npm ci`.',
      { file: name },
      cause,
    )
  }
  verifyDigest(name, bytes)
  return bytes
}

/** @throws FerryError `machine.v86-version` when the bytes are not those of the pinned build */
export function verifyDigest(name: keyof typeof V86_DIGESTS, bytes: Uint8Array): void {
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found === V86_DIGESTS[name]) return
  throw new FerryError(
    'machine.v86-version',
    `The installed v86 is not version ${V86_VERSION}, the only one whose inside Ferry knows. Run \`npm ci\`.`,
    { file: name, expected: V86_DIGESTS[name], found },
  )
}

let compiled: Promise<WebAssembly.Module> | undefined

/**
 * V8 (Node 24) at times ends the process when it replaces the wrapper of a function that WebAssembly calls by a faster one
 * while other threads instantiate modules: `Check failed: jit_page_->allocations_.erase(addr) == 1`, under
 * `Runtime_TierUpWasmToJSWrapper` and `WasmImportWrapperCache::Free` (cf. nodejs/node#64500). That would be every guest of the
 * lab. With this many calls to go it never replaces one; guests were measured to run as fast. A V8 without the flag
 * ignores it.
 */
const NO_WRAPPER_TIER_UP = '--wasm-wrapper-tiering-budget=2000000000'

/**
 * How V8 compiles what v86 makes of the guests' code: functions of 100 kB with one loop around them.
 *
 * - On threads of its own as soon as it has them. Else it does that where the function is called first, which keeps a vCPU
 *   waiting for 10 to 20 ms.
 * - Once more, so that it runs faster, when it has run for about a second. V8 would do that when 13 MB of it were executed, and
 *   counts a jump back as all that lies between: after a hundred rounds of the loop it spends 100 to 300 ms on each. A guest
 *   that has just come has dozens of them, in the very moment in which a computer of few cores has its memory to carry.
 *
 * The emulator itself is not meant: a module keeps what held when it was compiled.
 */
export const GUEST_CODE_FLAGS = ['--no-wasm-lazy-compilation', '--wasm-tiering-budget=1000000000']

/** The patched and compiled module. It can be sent to worker threads, which share the compiled code. */
export function patchedModule(): Promise<WebAssembly.Module> {
  compiled ??= (async () => {
    setFlagsFromString(NO_WRAPPER_TIER_UP)
    await readVerified('libv86.mjs')
    const module = await WebAssembly.compile(patchV86(await readVerified('v86.wasm')))
    for (const flag of GUEST_CODE_FLAGS) setFlagsFromString(flag)
    return module
  })()
  return compiled
}
