import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { binaryPath, buildLabos, readLock, toolchain } from '../../images/labos/build.ts'

const lock = readLock()
const tools = toolchain()
/** Another compiler makes other bytes: nothing is said of those. */
const same =
  tools === undefined
    ? 'there is no gcc or ld'
    : tools.compiler === lock.compiler && tools.linker === lock.linker
      ? null
      : `the toolchain is not the one of the lock: ${tools.compiler}`

test('the LabOS binary is under 64 kB and has the digest of its lock', () => {
  expect(statSync(binaryPath).size).toBeLessThan(64 * 1024)
  expect(statSync(binaryPath).size).toBe(lock.bytes)
})

test.skipIf(same !== null)(`LabOS is rebuilt bit for bit${same === null ? '' : ` (skipped: ${same})`}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'ferry-labos-'))
  try {
    const path = join(folder, 'labos.elf')
    expect(buildLabos(path).sha256).toBe(lock.sha256)
    expect(readFileSync(path).equals(readFileSync(binaryPath))).toBe(true)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
