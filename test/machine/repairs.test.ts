/** What v86 0.5.462 loses or gets wrong when a state is saved and restored, and that Ferry does not. */
import { expect, test } from 'vitest'
import { directBoot } from '../../engine/machine/direct-boot.ts'
import type { Emulator } from '../../engine/machine/emulator.ts'
import { restorePic } from '../../engine/machine/state/chips.ts'
import { captureState, restoreState } from '../../engine/machine/state/index.ts'
import { CPU_OFFSET as at, PIC_OFFSET } from '../../engine/machine/v86/layout.ts'
import { codePlan, emulator, execute, outs } from './helpers.ts'

async function moved(from: Emulator): Promise<Emulator> {
  const to = await emulator({ mac: '02:00:00:00:00:99' })
  restoreState(to, captureState(from, false), 'freeze')
  return to
}
const get = (machine: Emulator, offset: number) => machine.view(offset, 4).getUint32(0, true)
const set = (machine: Emulator, offset: number, value: number) => machine.view(offset, 4).setUint32(0, value, true)
const FLAGS = { zero: 0x40, carry: 1, sign: 0x80 }

/** MOV EAX, 5; SUB EAX, subtrahend. */
const subtract = (subtrahend: number) => [0xb8, 5, 0, 0, 0, 0x83, 0xe8, subtrahend]

test.each([
  { subtrahend: 5, flags: FLAGS.zero },
  { subtrahend: 9, flags: FLAGS.carry | FLAGS.sign },
])("lazy flags of 5 - $subtrahend: the last result, which v86's own restore drops", async ({ subtrahend, flags }) => {
  const source = await emulator()
  execute(source, subtract(subtrahend))
  expect(get(source, at.flagsChanged)).not.toBe(0)
  expect(source.eflags() & (FLAGS.zero | FLAGS.carry | FLAGS.sign)).toBe(flags)
  for (const other of [3, 5, 9]) {
    // A target whose own last operation had another result.
    const target = await emulator()
    execute(target, subtract(other))
    restoreState(target, captureState(source, false), 'freeze')
    expect(target.eflags()).toBe(source.eflags())
  }
})

test("FPU status word and MXCSR, which v86's own restore drops", async () => {
  const source = await emulator()
  // FNINIT; FLD1; FLDZ; FDIVP (divide by zero: exception flag); LDMXCSR [0x3000]
  source.cpu.write_blob(Uint8Array.of(0x80, 0x5f, 0, 0), 0x3000)
  const CR4_OSFXSR = 0x200
  execute(source, [0xdb, 0xe3, 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9])
  set(source, at.cr4, CR4_OSFXSR)
  execute(source, [0x0f, 0xae, 0x15, 0, 0x30, 0, 0])
  const status = get(source, at.fpuStatusWord) & 0xffff
  expect(status & 4).toBe(4)
  expect(get(source, at.mxcsr)).toBe(0x5f80)

  const target = await moved(source)
  expect(get(target, at.fpuStatusWord) & 0xffff).toBe(status)
  expect(get(target, at.mxcsr)).toBe(0x5f80)
  expect(captureState(target, false).fpu).toEqual(captureState(source, false).fpu)
})

test('the time stamp counter, as often as it is set', async () => {
  const machine = await emulator()
  const MAX_LAG = 50_000_000n // 50 ms of 1 GHz, for a test thread that was held up
  for (const tsc of [1n << 40n, 5_000_000_000n, 1n << 50n, 123n]) {
    for (let i = 0; i < 3; i++) {
      const state = captureState(machine, false)
      restoreState(machine, { ...state, cpu: { ...state.cpu, tsc } }, 'freeze')
      const shown = captureState(machine, false).cpu.tsc
      const behind = BigInt.asIntN(64, tsc - shown)
      expect(behind < 1_000_000n && behind > -MAX_LAG, `${tsc} shows as ${shown}`).toBe(true)
    }
  }
})

test("the network card keeps the guest's address, not the target's", async () => {
  const source = await emulator({ mac: '02:00:00:00:00:42' })
  const target = await moved(source)
  expect([...target.cpu.devices.net.mac]).toEqual([2, 0, 0, 0, 0, 0x42])
  // …and the machine's own address is the one that it was given, in the PROM as well.
  expect([...source.cpu.devices.net.memory.subarray(0, 12)]).toEqual([2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x42, 0x42])
})

const NIC_BAR = 0x80002810 // slot 5, register 0x10
function moveCard(machine: Emulator, port: number): void {
  const { io } = machine.cpu
  io.port_write32(0xcf8, NIC_BAR | 0)
  io.port_write32(0xcfc, port)
}
/** The card's command register: 0x21 after reset in this test, 0xff where no card answers. */
const cardAt = (machine: Emulator, port: number) => machine.cpu.io.port_read8(port) & 0xff

test("the card's ports follow its base address, the second time too", async () => {
  const source = await emulator()
  const target = await emulator()
  source.cpu.devices.net.cr = 0x21
  for (const port of [0xc000, 0xd000, 0xc100]) {
    moveCard(source, port)
    restoreState(target, captureState(source, false), 'freeze')
    for (const candidate of [0xc000, 0xd000, 0xc100]) {
      expect(cardAt(target, candidate), `${candidate.toString(16)} at ${port.toString(16)}`).toBe(
        candidate === port ? 0x21 : 0xff,
      )
    }
  }
})

test('a base address whose size is just being asked for comes back where the guest puts it', async () => {
  const source = await emulator()
  source.cpu.devices.net.cr = 0x21
  moveCard(source, 0xc000)
  moveCard(source, 0xffffffff | 0)
  const target = await moved(source)
  moveCard(target, 0xc000)
  expect(cardAt(target, 0xc000)).toBe(0x21)
})

test("bytes that wait in the UART's receive queue", async () => {
  const source = await emulator()
  for (const byte of Buffer.from('abc')) source.send('serial0-input', byte)
  const target = await moved(source)
  const { io } = target.cpu
  expect(io.port_read8(0x3fd) & 1).toBe(1) // data ready
  expect([1, 2, 3].map(() => String.fromCharCode(io.port_read8(0x3f8)))).toEqual(['a', 'b', 'c'])
  expect(io.port_read8(0x3fd) & 1).toBe(0)
})

test('bytes that wait in the keyboard and mouse queues', async () => {
  const source = await emulator()
  const { io } = source.cpu
  io.port_write8(0x60, 0xf4) // keyboard: enable scanning
  for (const code of [0x1e, 0x9e]) source.send('keyboard-code', code)
  source.cpu.devices.ps2.mouse_buffer.push(0x5a)
  const target = await moved(source)
  const everything = ({ cpu }: Emulator) => {
    const bytes: number[] = []
    while ((cpu.io.port_read8(0x64) & 1) !== 0) bytes.push(cpu.io.port_read8(0x60))
    return bytes
  }
  const found = everything(target)
  expect(found).toEqual([0xfa, 0x1e, 0x9e, 0x5a])
  // The capture turned the source's queues round and left them as they were.
  expect(everything(source)).toEqual(found)
})

test("ports that v86 serves in wasm are set up at boot: PCI's interrupt lines are level triggered", async () => {
  const machine = await emulator()
  directBoot(machine, codePlan([0xf4]))
  const state = captureState(machine, false)
  expect([state.picMaster.elcr, state.picSlave.elcr]).toEqual([0, 0x0c]) // lines 10 and 11
})

test('an 8259 that still knows of its ICW4, as other machines keep it, takes the next mask for a mask', async () => {
  const machine = await emulator()
  const { picMaster } = captureState(machine, false)
  restorePic(machine, 'master', { ...picMaster, initState: 0, expectIcw4: true, autoEoi: false })
  execute(machine, outs([0x21, 0xfe]))
  const pic = machine.view(machine.cpu.get_pic_addr_master(), 13)
  expect(pic.getUint8(PIC_OFFSET.irqMask)).toBe(0x01)
  expect(pic.getUint8(PIC_OFFSET.autoEoi)).toBe(0)
})

test('an 8259 in the middle of its initialisation goes on where it was', async () => {
  const words = [0x11, 0x28, 4, 3] as const // ICW1 to ICW4
  for (let done = 1; done <= 4; done++) {
    const source = await emulator()
    const out = (machine: Emulator, i: number) => execute(machine, outs([i === 0 ? 0x20 : 0x21, words[i]]))
    for (let i = 0; i < done; i++) out(source, i)
    const target = await moved(source)
    for (let i = done; i < 4; i++) out(target, i)
    execute(target, outs([0x21, 0xfe]))
    expect(captureState(target, false).picMaster).toMatchObject({
      irqBase: 0x28,
      imr: 0xfe,
      autoEoi: true,
      initState: 0,
    })
  }
})

test('a request that the second 8259 takes back is a spurious interrupt, and does not block those that follow', async () => {
  const machine = await emulator()
  const lines = machine.cpu as unknown as Record<'device_raise_irq' | 'device_lower_irq', (line: number) => void>
  const CARD = 10
  const [MASTER, SLAVE] = [0x20, 0x28]
  const serve = (base: number) => ({ mark: 0x5000 + base, handler: 0x3000 + base * 0x10, vector: base })
  const [card, spurious] = [serve(SLAVE + 2), serve(SLAVE + 7)]
  const SELECTOR_AND_TYPE = [0x10, 0, 0, 0x8e, 0, 0]
  const IDT = 0x4000
  for (const { mark, handler, vector } of [card, spurious]) {
    // INC byte [mark]; both ends of interrupt where the card's, the first alone else; IRET
    const ends = vector === card.vector ? [[0xa0, 0x62] as const, [0x20, 0x62] as const] : [[0x20, 0x62] as const]
    machine.cpu.write_blob(Uint8Array.of(0xfe, 5, mark & 0xff, mark >> 8, 0, 0, ...outs(...ends), 0xcf), handler)
    const gate = [handler & 0xff, handler >> 8, ...SELECTOR_AND_TYPE]
    machine.cpu.write_blob(Uint8Array.from(gate), IDT + 8 * vector)
  }
  machine.cpu.write_blob(Uint8Array.of(0xff, 7, IDT & 0xff, IDT >> 8, 0, 0), 0x3800)
  const FLAT_CODE = [0xff, 0xff, 0, 0, 0, 0x9a, 0xcf, 0]
  machine.cpu.write_blob(Uint8Array.from(FLAT_CODE), 0x510)
  execute(machine, [
    ...outs([0x20, 0x11], [0x21, MASTER], [0x21, 4], [0x21, 1], [0x21, 0xfb]),
    ...outs([0xa0, 0x11], [0xa1, SLAVE], [0xa1, 2], [0xa1, 1], [0xa1, 0xfb]),
  ])
  const open = [0x0f, 0x01, 0x1d, 0, 0x38, 0, 0, 0xfb, 0x90, 0x90] // LIDT [0x3800]; STI; NOP; NOP
  const marks = () => [card, spurious].map(({ mark }) => machine.cpu.read8(mark))

  // While the guest takes no interrupts, the card asks and has no reason any more.
  lines.device_raise_irq(CARD)
  lines.device_lower_irq(CARD)
  execute(machine, open)
  expect(marks()).toEqual([0, 1])
  expect(captureState(machine, false).picMaster.isr).toBe(0)

  execute(machine, [0xfa])
  lines.device_raise_irq(CARD)
  // Its line stays up; without an end of interrupt it is served once.
  machine.cpu.write_blob(Uint8Array.of(0xfe, 5, card.mark & 0xff, card.mark >> 8, 0, 0, 0xcf), card.handler)
  execute(machine, open)
  expect(marks()).toEqual([1, 1])
})
