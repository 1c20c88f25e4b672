/** A guest in a QEMU that changes its memory faster than it travels is slowed down, where that is wanted, and crosses. */
import { describe, expect, test } from 'vitest'
import type { HostInput } from '../../engine/contract/lab.ts'
import { because, lacks, NEEDS } from '../setup/needs.ts'
import { variants } from '../setup/variants.ts'
import { beats, consoleOf, createLabOs, following, move, openLab } from './lab-fixture.ts'

const missing = lacks(NEEDS.qemu)
const HOSTS: readonly HostInput[] = [
  { name: 'qemu', kind: 'qemu' },
  { name: 'qemu-2', kind: 'qemu' },
  { name: 'kvm', kind: 'kvm' },
]
const OURS = { title: 'by Ferry, which stops it and lets it go on in turns', to: 'kvm', algorithm: 'pre-copy' }
const WAYS = variants(
  [{ ...OURS, workload: 'dirty:4000', link: '80M' }],
  [{ title: 'by QEMU itself (auto-converge)', to: 'qemu-2', algorithm: 'native', workload: 'dirty:700', link: '20M' }],
)

describe.skipIf(missing !== undefined)(`throttling out of a QEMU${because(missing)}`, () => {
  test.each(WAYS)('$title', async ({ to, algorithm, workload, link }) => {
    const service = await openLab(HOSTS)
    const guest = await createLabOs(service, { host: 'qemu', workload, heartbeat_ms: 50 })
    const pre_copy = { throttle: true, threshold_pages: 400, max_rounds: 40, max_factor: 20 }
    // QEMU loses writes of its guest in passes without end, throttled or not: of its own migration, the figures count.
    const verify_ram = algorithm !== 'native'
    const report = await move(service, {
      guest: guest.id,
      to,
      algorithms: [algorithm],
      link,
      pre_copy,
      verify_ram,
    })
    expect(report.error).toBeNull()
    if (verify_ram) expect(report).toMatchObject({ wrong_pages: 0, guest_check: 'ok' })
    expect(report.throttle_max).toBeGreaterThanOrEqual(0.2)
    expect(report.throttled_ms).toBeGreaterThan(0)
    if (verify_ram) expect(following(beats(await consoleOf(service, guest.id)))).toBe(true)
  })
})
