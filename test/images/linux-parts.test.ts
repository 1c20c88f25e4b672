import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { readHelpers, staleHelpers } from '../../images/linux/helpers.ts'
import { buildInitramfs, CHECKED_FILE_BYTES, CHECKED_FILES } from '../../images/linux/initramfs.ts'
import { withoutSignature } from '../../images/linux/kernel.ts'

const input = {
  busybox: Buffer.from('busybox'),
  applets: ['sh', 'ls'],
  rootFiles: [{ path: 'init', data: Buffer.from('#!/bin/sh\n') }],
  helpers: { dirty: Buffer.from('dirty') },
  modules: { net: [{ name: '8390', bytes: Buffer.from('a') }] },
}

describe('the parts of the Linux guest', () => {
  it('have helper binaries made from the sources beside them', async () => {
    expect(await staleHelpers()).toEqual([])
    expect(Object.keys(await readHelpers()).sort()).toEqual(['dirty', 'heartbeat', 'udpecho'])
  })

  it('make the same initramfs every time', () => {
    const digest = (data: Buffer): string => createHash('sha256').update(data).digest('hex')
    expect(digest(buildInitramfs(input))).toBe(digest(buildInitramfs({ ...input })))
  })

  it('list every checked file with its digest', () => {
    const text = buildInitramfs(input).toString('latin1')
    const lines = text.match(/[0-9a-f]{32} {2}\/data\/\d\d\.bin\n/g) ?? []
    expect(lines).toHaveLength(CHECKED_FILES)
    expect(new Set(lines.map((line) => line.slice(0, 32))).size).toBe(CHECKED_FILES)
  })

  it('agree on the size of a checked file, which the disk load counts in blocks of 4 KiB', async () => {
    const script = await readFile(new URL('../../images/linux/rootfs/bin/disk-load', import.meta.url), 'utf8')
    expect(Number(/^blocks=(\d+)/m.exec(script)?.[1]) * 4096).toBe(CHECKED_FILE_BYTES)
  })

  it('hold modules without their signatures, and leave others alone', () => {
    const structure = Buffer.alloc(12)
    structure.writeUInt32BE(5, 8)
    const signed = Buffer.concat([
      Buffer.from('module'),
      Buffer.from('12345'),
      structure,
      Buffer.from('~Module signature appended~\n'),
    ])
    expect(withoutSignature(signed).toString()).toBe('module')
    expect(withoutSignature(Buffer.from('module')).toString()).toBe('module')
  })
})
