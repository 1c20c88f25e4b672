import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { writeCpio, type CpioEntry } from '../../images/linux/cpio.ts'
import { because, lacks, NEEDS } from '../setup/needs.ts'

const noCpio = lacks(NEEDS.cpio)

const entries: CpioEntry[] = [
  { path: 'init', type: 'file', mode: 0o755, data: Buffer.from('#!/bin/sh\n') },
  { path: 'bin/sh', type: 'symlink', target: 'busybox' },
  { path: 'dev/console', type: 'device', major: 5, minor: 1 },
  { path: 'data/odd', type: 'file', data: Buffer.from('12345') },
]

interface CpioRecord {
  path: string
  inode: number
  mode: number
  mtime: number
  size: number
  data: string
}

/** A reader made independently of the writer, from the format's description. */
function read(archive: Buffer): CpioRecord[] {
  const records: CpioRecord[] = []
  for (let at = 0; at < archive.length;) {
    expect(archive.toString('latin1', at, at + 6)).toBe('070701')
    const field = (n: number): number => parseInt(archive.toString('latin1', at + 6 + 8 * n, at + 14 + 8 * n), 16)
    const nameSize = field(11)
    const size = field(6)
    const path = archive.toString('latin1', at + 110, at + 110 + nameSize - 1)
    const start = (at + 110 + nameSize + 3) & ~3
    if (path === 'TRAILER!!!') return records
    const data = archive.toString('latin1', start, start + size)
    records.push({ path, inode: field(0), mode: field(1), mtime: field(5), size, data })
    at = (start + size + 3) & ~3
  }
  throw new Error('no trailer')
}

describe('the cpio writer', () => {
  it('gives the same bytes for the same entries in any order', () => {
    expect(writeCpio([...entries].reverse()).equals(writeCpio(entries))).toBe(true)
  })

  it('writes every entry once, parents first, with times 0 and counting inodes', () => {
    const records = read(writeCpio(entries))
    expect(records.map((record) => record.path)).toEqual([
      'bin',
      'bin/sh',
      'data',
      'data/odd',
      'dev',
      'dev/console',
      'init',
    ])
    expect(records.map((record) => record.inode)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(records.every((record) => record.mtime === 0)).toBe(true)
  })

  it('keeps type, mode and contents', () => {
    const byPath = new Map(read(writeCpio(entries)).map((record) => [record.path, record]))
    expect(byPath.get('init')).toMatchObject({ mode: 0o100755, data: '#!/bin/sh\n' })
    expect(byPath.get('bin')).toMatchObject({ mode: 0o040755, size: 0 })
    expect(byPath.get('bin/sh')).toMatchObject({ mode: 0o120777, data: 'busybox' })
    expect(byPath.get('dev/console')).toMatchObject({ mode: 0o020600, size: 0 })
    expect(byPath.get('data/odd')).toMatchObject({ mode: 0o100644, data: '12345' })
  })

  it.each(['', '/init', 'a//b', 'a/../b', './a'])('refuses the path "%s"', (path) => {
    expect(() => writeCpio([{ path, type: 'directory' }])).toThrow(RangeError)
  })

  it('refuses a path given twice', () => {
    expect(() =>
      writeCpio([
        { path: 'a', type: 'directory' },
        { path: 'a', type: 'symlink', target: 'b' },
      ]),
    ).toThrow(/twice/)
  })

  it.skipIf(noCpio !== undefined)(`is read by the cpio program${because(noCpio)}`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'ferry-cpio-'))
    try {
      const archive = writeCpio(entries.filter((entry) => entry.type !== 'device'))
      execFileSync('cpio', ['-i', '-d', '--quiet'], { cwd: directory, input: archive })
      expect(readFileSync(join(directory, 'data/odd'), 'latin1')).toBe('12345')
      expect(readlinkSync(join(directory, 'bin/sh'))).toBe('busybox')
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
