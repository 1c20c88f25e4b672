/** Rows for the tests of the bench. */
import { completeRow, type Measured, type Row } from './row.ts'

const CASE = {
  at: '2026-01-01T00:00:00.000Z',
  machine_load: 0.25,
  peer: 'ferry',
  algorithm: 'pre-copy',
  pair: 'heterogeneous',
  ram_MB: 128,
  load: 'idle',
  link: 'unlimited',
  kind: 'timed',
} as const satisfies Parameters<typeof completeRow>[0]

/** A completed migration with the given differences. */
export function sampleRow(of: Partial<Parameters<typeof completeRow>[0]>, measured: Partial<Measured> = {}): Row {
  return completeRow({ ...CASE, ...of }, { outcome: 'completed', ...measured })
}

/** A QEMU migration. */
export const qemuRow = (of: Partial<Parameters<typeof completeRow>[0]>, measured: Partial<Measured> = {}): Row =>
  sampleRow({ peer: 'qemu', pair: 'none', ...of }, measured)
