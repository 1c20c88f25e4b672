import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { expect, it } from 'vitest'
import { collectProvenance, provenance } from '../../../engine/lab/provenance.ts'

const collected = collectProvenance({
  settings: { rounds: 30, hosts: ['a', 'b'] },
  seed: 3,
  images: { labos: 'sha256:0' },
})

it('says with which versions, on which machine and under which load a run was measured', () => {
  const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
  const app = v.parse(v.object({ version: v.string() }), read('../../../package.json'))
  const emulator = v.parse(v.object({ version: v.string() }), read('../../../node_modules/v86/package.json'))
  expect(collected).toMatchObject({
    app_version: app.version,
    node_version: process.versions.node,
    v8_version: process.versions.v8,
    os: { platform: process.platform, arch: process.arch },
    settings: { rounds: 30, hosts: ['a', 'b'] },
    seed: 3,
    images: { labos: 'sha256:0' },
  })
  expect(emulator.version.split('+')[0]).toBe(collected.v86_version)
  expect(collected.cores).toBeGreaterThan(0)
  expect(collected.clock_resolution_ms).toBeGreaterThan(0)
  expect(collected.clock_resolution_ms).toBeLessThan(1)
})

it('is plain data that JSON carries without loss', () => {
  expect(v.parse(provenance, JSON.parse(JSON.stringify(collected)))).toEqual(collected)
})

it('is a copy: what the caller changes later does not reach it', () => {
  const settings = { limits: { rounds: 30 } }
  const taken = collectProvenance({ settings, seed: null, images: {} })
  settings.limits.rounds = 1
  expect(taken.settings).toEqual({ limits: { rounds: 30 } })
})
