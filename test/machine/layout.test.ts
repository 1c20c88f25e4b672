import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Emulator } from '../../engine/machine/emulator.ts'
import { captureIoapic, captureLapic, capturePic } from '../../engine/machine/state/chips.ts'
import { instant } from '../../engine/machine/state/times.ts'
import * as layout from '../../engine/machine/v86/layout.ts'
import { emulator, execute, outs } from './helpers.ts'

type View = { readonly byteOffset: number; readonly byteLength: number; readonly [i: number]: number }
/** v86's own views of its state, by their names in its CPU object, and how far into the view ours begins. */
const V86_VIEWS: Partial<Record<keyof typeof layout.CPU_OFFSET, readonly [view: string, offset: number]>> = {
  reg32: ['reg32', 0],
  lastOpSize: ['last_op_size', 0],
  flagsChanged: ['flags_changed', 0],
  lastOp1: ['last_op1', 0],
  lastResult: ['last_result', 0],
  flags: ['flags', 0],
  segmentAccess: ['segment_access_bytes', 0],
  apicEnabled: ['apic_enabled', 0],
  acpiEnabled: ['acpi_enabled', 0],
  instructionPointer: ['instruction_pointer', 0],
  previousIp: ['previous_ip', 0],
  idtrSize: ['idtr_size', 0],
  idtrBase: ['idtr_offset', 0],
  gdtrSize: ['gdtr_size', 0],
  gdtrBase: ['gdtr_offset', 0],
  cr0: ['cr', 0],
  cr2: ['cr', 8],
  cr3: ['cr', 12],
  cr4: ['cr', 16],
  cpl: ['cpl', 0],
  inHlt: ['in_hlt', 0],
  lastVirtualEip: ['last_virt_eip', 0],
  eipPhysical: ['eip_phys', 0],
  sysenterCs: ['sysenter_cs', 0],
  sysenterEsp: ['sysenter_esp', 0],
  sysenterEip: ['sysenter_eip', 0],
  prefixes: ['prefixes', 0],
  instructionCounter: ['instruction_counter', 0],
  sreg: ['sreg', 0],
  dreg: ['dreg', 0],
  segmentIsNull: ['segment_is_null', 0],
  segmentBase: ['segment_offsets', 0],
  segmentLimit: ['segment_limits', 0],
  protectedMode: ['protected_mode', 0],
  is32: ['is_32', 0],
  stackSize32: ['stack_size_32', 0],
  memorySize: ['memory_size', 0],
  fpuStackEmpty: ['fpu_stack_empty', 0],
  mxcsr: ['mxcsr', 0],
  xmm: ['reg_xmm32s', 0],
  currentTsc: ['current_tsc', 0],
  pdpte: ['reg_pdpte', 0],
  fpuStackPointer: ['fpu_stack_ptr', 0],
  fpuControlWord: ['fpu_control_word', 0],
  fpuStatusWord: ['fpu_status_word', 0],
  fpuOpcode: ['fpu_opcode', 0],
  fpuIp: ['fpu_ip', 0],
  fpuIpSelector: ['fpu_ip_selector', 0],
  fpuDp: ['fpu_dp', 0],
  fpuDpSelector: ['fpu_dp_selector', 0],
  tss32: ['tss_size_32', 0],
  fpuRegisters: ['fpu_st', 0],
}

test('every CPU offset is where v86 itself looks', async () => {
  const views = (await emulator()).cpu as unknown as Record<string, View>
  const found = Object.fromEntries(
    Object.entries(V86_VIEWS).map(([name, [view, offset]]) => [name, views[view].byteOffset + offset]),
  )
  // Equal as a whole: no offset of ours may be without a view of v86's.
  expect(found).toEqual(layout.CPU_OFFSET)
})

test('the layout is the one that was reviewed', () => {
  const reviewed: unknown = JSON.parse(readFileSync(new URL('layout.fixture.json', import.meta.url), 'utf8'))
  expect({ ...layout }).toEqual(reviewed)
})

interface StateViews {
  get_state_pic(): number[]
  get_state_apic(): Uint8Array
  get_state_ioapic(): Uint8Array
}
const views = (machine: Emulator) => machine.cpu as unknown as StateViews

test("the PIC's structure is the one of v86's get_state_pic, field by field as the ports write it", async () => {
  const machine = await emulator()
  const P = layout.PIC_OFFSET
  const pic = () => views(machine).get_state_pic()
  // The PIC's ports are in wasm: only the CPU reaches them.
  const out = (port: number, value: number) => execute(machine, outs([port, value]))
  out(0x20, 0x11) // ICW1
  expect([pic()[P.initState], pic()[P.expectIcw4]]).toEqual([1, 1])
  out(0x21, 0x28) // ICW2
  expect([pic()[P.initState], pic()[P.irqMap]]).toEqual([2, 0x28])
  out(0x21, 4)
  out(0x21, 3) // ICW4 with automatic EOI
  expect([pic()[P.initState], pic()[P.expectIcw4], pic()[P.autoEoi]]).toEqual([0, 0, 1])
  out(0x21, 0x5a) // OCW1
  expect(pic()[P.irqMask]).toBe(0xa5)
  out(0x20, 0x0b) // OCW3: reads give ISR
  expect(pic()[P.readIsr]).toBe(1)
  out(0x20, 0x68) // OCW3: special mask mode
  expect(pic()[P.specialMask]).toBe(1)
  out(0x4d0, 0x20)
  expect(pic()[P.elcr]).toBe(0x20)
  expect(pic()[P.isMaster]).toBe(1)
  const cpu = machine.cpu as unknown as { device_raise_irq(irq: number): void }
  cpu.device_raise_irq(5)
  expect([pic()[P.irr], pic()[P.irqValue], pic()[P.isr]]).toEqual([0x20, 0x20, 0])

  const state = capturePic(machine, 'master')
  expect(state).toMatchObject({ irr: 0x20, imr: 0x5a, isr: 0, irqBase: 0x28, lastIrr: 0x20, elcr: 0x20 })
  expect(state).toMatchObject({ readIsr: true, specialMask: true, autoEoi: true, initState: 0, expectIcw4: false })
})

test("the local APIC's structure is the one that its registers write, and v86's get_state_apic shows", async () => {
  const machine = await emulator({ apic: true })
  const { cpu } = machine
  const APIC = 0xfee00000 | 0
  // Register offsets: SDM 3A, table 11-1.
  const registers = {
    id: 0x20,
    tpr: 0x80,
    logicalDestination: 0xd0,
    destinationFormat: 0xe0,
    spurious: 0xf0,
    icrHigh: 0x310,
    lvtTimer: 0x320,
    lvtThermal: 0x330,
    lvtPerformance: 0x340,
    lvtLint0: 0x350,
    lvtLint1: 0x360,
    lvtError: 0x370,
    timerInitialCount: 0x380,
    timerDivide: 0x3e0,
  }
  Object.values(registers).forEach((offset, i) => cpu.write32(APIC + offset, 0x71000010 + i))
  const state = captureLapic(machine, instant(machine))
  Object.entries(registers).forEach(([name, offset], i) => {
    let expected = 0x71000010 + i
    if (offset === 0x80) expected &= 0xff
    if (offset === 0xd0) expected = (expected & 0xff000000) >>> 0
    if (offset === 0xe0) expected = (expected | 0xffffff) >>> 0
    expect([name, state[name as keyof typeof registers]]).toEqual([name, expected])
  })
  cpu.write32(APIC + 0x300, 0x44031) // to self, vector 0x31
  const after = captureLapic(machine, instant(machine))
  expect(after.icrLow).toBe(0x44031)
  expect(after.irr).toEqual([0, 1 << 17, 0, 0, 0, 0, 0, 0])
  expect(after.isr).toEqual(new Array(8).fill(0))

  const words = new Uint32Array(views(machine).get_state_apic().slice().buffer)
  expect(words.byteLength).toBe(layout.APIC_BYTES)
  expect(words[layout.APIC_WORD.lvtError]).toBe(after.lvtError)
})

test("the I/O APIC's structure is the one that its registers write, and v86's get_state_ioapic shows", async () => {
  const machine = await emulator({ apic: true })
  const { cpu } = machine
  const IOAPIC = 0xfec00000 | 0
  const write = (register: number, value: number) => {
    cpu.write32(IOAPIC, register)
    cpu.write32(IOAPIC + 0x10, value)
  }
  for (let input = 0; input < 24; input++) {
    write(0x10 + 2 * input, 0x10030 + input) // masked, so that nothing is delivered
    write(0x11 + 2 * input, (input << 24) | 0)
  }
  const state = captureIoapic(machine)
  expect(state.redirectionLow).toEqual(Array.from({ length: 24 }, (_, input) => 0x10030 + input))
  expect(state.redirectionHigh).toEqual(Array.from({ length: 24 }, (_, input) => input << 24))
  expect(state.select).toBe(0x11 + 2 * 23)
  ;(cpu as unknown as { device_raise_irq(irq: number): void }).device_raise_irq(9)
  expect(captureIoapic(machine).lines).toBe(1 << 9)
  expect(views(machine).get_state_ioapic().length).toBe(layout.IOAPIC_BYTES)
})
