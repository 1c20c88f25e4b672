/** The same for what a real QEMU keeps of processor, clock, PICs and PIT (engine/hypervisors/qemu). */
import { control, pic, PIC_NAMES, pitChannel, type Place, type RecordRules, sameNames } from './state-rules.ts'

const GENERAL = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi']
const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs']
const at = (names: readonly string[], { indices }: Place): string => names[indices[0] ?? 0] ?? ''

/** The upper double word of a descriptor: access rights and a part of the limit. */
const rightsOf = (segment: string): string[] => [
  `cpu.${segment}.access`,
  `cpu.${segment}.unusable`,
  `cpu.${segment}.limit`,
  ...(segment === 'ss' ? ['cpu.cpl'] : []),
]
const segment = (native: string, common: string): RecordRules => ({
  ...Object.fromEntries(['selector', 'base', 'limit'].map((name) => [`${native}.${name}`, `cpu.${common}.${name}`])),
  [`${native}.flags`]: rightsOf(common),
})

/** QEMU numbers the registers of the FPU as they lie, the common format from the top of the stack, which may be any. */
const anyOfStack = (): string[] => Array.from({ length: 8 }, (_, i) => `fpu.st[${i}]`)

/** QEMU counts all times on the guest's clock, which is that of the time stamp counter. */
const CLOCK = 'cpu.tsc'
const FIRST = 'pit.channels[0]'

/** By name of the native record. */
export const QEMU_RULES: Readonly<Record<string, RecordRules>> = {
  timer: { cpu_ticks_offset: CLOCK, cpu_clock_offset: CLOCK },
  'timer/icount': { qemu_icount_bias: CLOCK },
  cpu_common: {
    halted: 'events.halted',
    interrupt_request: ['events.nmiPending', 'picMaster.irr', 'picMaster.imr', 'picMaster.isr'],
  },
  cpu: {
    'regs[*]': (place) => [`cpu.${at(GENERAL, place)}`],
    ...sameNames('eip eflags tsc sysenter_cs sysenter_esp sysenter_eip', 'cpu'),
    ...control,
    hflags: ['cpu.cpl', 'cpu.cs.access', 'cpu.ss.access', 'cpu.cr0', 'events.interruptShadow'],
    hflags2: 'events.nmiMasked',
    tsc_offset: CLOCK,
    fpuc: 'fpu.fcw',
    fpus: 'fpu.fsw',
    fptag: 'fpu.ftw',
    mxcsr: 'fpu.mxcsr',
    'fpregs[*].mantissa': anyOfStack,
    'fpregs[*].exponent': anyOfStack,
    'xmm_regs[*].low': 'fpu.xmm[*]',
    'xmm_regs[*].high': 'fpu.xmm[*]',
    'dr[*]': ({ indices: [i = 0] }) => (i < 4 ? [`cpu.dr[${i}]`] : i < 6 ? [] : [`cpu.dr${i}`]),
    'segs[*].flags': (place) => rightsOf(at(SEGMENTS, place)),
    ...Object.fromEntries(
      ['selector', 'base', 'limit'].map((name) => [
        `segs[*].${name}`,
        (place: Place) => [`cpu.${at(SEGMENTS, place)}.${name}`],
      ]),
    ),
    ...segment('ldt', 'ldtr'),
    ...segment('tr', 'tr'),
    'gdt.base': 'cpu.gdtr.base',
    'gdt.limit': 'cpu.gdtr.limit',
    'idt.base': 'cpu.idtr.base',
    'idt.limit': 'cpu.idtr.limit',
  },
  'cpu/fpop_ip_dp': { fpop: 'fpu.fop', fpip: 'fpu.fip', fpdp: 'fpu.fdp' },
  i8259: pic(PIC_NAMES),
  i8254: {
    ...pitChannel,
    'channels[*].count_load_time': ['pit.channels[*].sinceStartNs', 'pit.channels[*].startCount', CLOCK],
    'channels[*].next_transition_time': ['pit.channels[*].sinceStartNs', 'pit.channels[*].enabled', CLOCK],
    next_transition_time: [`${FIRST}.sinceStartNs`, `${FIRST}.enabled`, CLOCK],
  },
  pcspk: { data_on: 'pit.speaker' },
}
