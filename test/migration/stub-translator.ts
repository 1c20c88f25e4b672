/** A translator without hypervisors: the required sections one after the other, and the time of the capture. */
import { FerryError } from '../../engine/util/errors.ts'
import type { Hypervisor } from '../../engine/hypervisors/hypervisor.ts'
import { SECTIONS, SECTION_NAMES } from '../../engine/vmstate/state.ts'
import type { MachineState } from '../../engine/vmstate/state.ts'
import type { RecordType } from '../../engine/util/record.ts'
import type { Translator } from '../../engine/migration/translator.ts'

const REQUIRED = SECTION_NAMES.filter((name) => SECTIONS[name].required)
const typeOf = (name: string): RecordType<unknown> => SECTIONS[name as keyof typeof SECTIONS].type
const SIZE = 8 + REQUIRED.reduce((sum, name) => sum + typeOf(name).bytes, 0)

/** A state of zeros. */
export function zeroState(): MachineState {
  const sections = Object.fromEntries(REQUIRED.map((name) => [name, typeOf(name).zero()]))
  return { ...sections, capturedAtNs: 0n } as unknown as MachineState
}

export const stubTranslator: Translator = {
  toCommon(_hypervisor, state) {
    const out = new Uint8Array(SIZE)
    new DataView(out.buffer).setBigUint64(0, state.capturedAtNs, true)
    let at = 8
    for (const name of REQUIRED) {
      const bytes = typeOf(name).encode(state[name])
      out.set(bytes, at)
      at += bytes.length
    }
    return { native: [], bytes: out }
  },
  fromCommon(_hypervisor, bytes) {
    if (bytes.length !== SIZE) throw new FerryError('vmstate.size', `${bytes.length} bytes in place of ${SIZE}`)
    const state: Record<string, unknown> = {
      capturedAtNs: new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true),
    }
    let at = 8
    for (const name of REQUIRED) {
      state[name] = typeOf(name).decode(bytes.subarray(at))
      at += typeOf(name).bytes
    }
    return { native: [], state: state as unknown as MachineState }
  },
  deviceOffset: () => 8 + typeOf('cpu').bytes,
}

export const stubHypervisor: Hypervisor = {
  kind: 'xen',
  title: 'Stub',
  layouts: [],
  notRepresentable: [],
  pack: () => [],
  unpack: () => zeroState(),
}
