/** Comparison of states in tests. */
import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { compilePath, writePath } from '../../engine/vmstate/paths.ts'
import type { ExtensionPath } from '../../engine/vmstate/extensions.ts'
import type { MachineState } from '../../engine/vmstate/state.ts'

/** Fails with a readable difference; quick where the states are equal. */
export function expectSame(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected)
}

/** A copy of the state with zero at the listed paths. */
export function without(state: MachineState, list: readonly ExtensionPath[]): MachineState {
  const copy = structuredClone(state)
  for (const { section, path } of list) {
    if (copy[section] === undefined) continue
    const compiled = compilePath(section, path)
    writePath(compiled, copy, new DataView(new ArrayBuffer(compiled.bytes)), 0)
  }
  return copy
}
