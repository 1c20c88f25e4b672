/** Whether v86 is as `types.ts` says: another build fails at start with a clear error, and not with a wrong guest. */
import { FerryError } from '../../util/errors.ts'
import type { Cpu } from './types.ts'

const NEEDED: readonly (readonly [path: string, kind: string])[] = [
  ['wasm_memory', 'object'],
  ['mem8', 'object'],
  ['io.ports', 'object'],
  ['io.create_empty_entry', 'function'],
  ['devices.pci.device_spaces', 'object'],
  ['devices.pci.set_io_bars', 'function'],
  ['devices.pit.counter_start_time', 'object'],
  ['devices.rtc.rtc_time', 'number'],
  ['devices.dma.channel_addr_init', 'object'],
  ['devices.uart0.input', 'object'],
  ['devices.ps2.kbd_buffer', 'object'],
  ['devices.vga.vga_memory', 'object'],
  ['devices.vga.svga_memory', 'object'],
  ['devices.vga.attribute_controller_index', 'number'],
  ['devices.ide.secondary.master.data_pointer', 'number'],
  ['devices.net.memory', 'object'],
  ['main_loop', 'function'],
  ['write_blob', 'function'],
  ['read_blob', 'function'],
  ['read32s', 'function'],
  ['jit_dirty_cache', 'function'],
  ['is_memory_zeroed', 'function'],
  ['full_clear_tlb', 'function'],
  ['codegen_finalize', 'function'],
  ['codegen_finalize_finished', 'function'],
  ['jit_clear_cache', 'function'],
  ['set_tsc', 'function'],
  ['get_pic_addr_master', 'function'],
  ['get_apic_addr', 'function'],
]

/** @throws FerryError `machine.v86-shape` naming the first part that is missing */
export function assertShape(cpu: unknown): asserts cpu is Cpu {
  for (const [path, kind] of NEEDED) {
    let value: unknown = cpu
    for (const name of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[name]
    if (typeof value !== kind || value === null) {
      throw new FerryError('machine.v86-shape', `This build of v86 has no ${path}, which Ferry needs.`, { path })
    }
  }
}
