/**
 * Which fields of the common format a field of a native record is made from, for Xen's and KVM's own records. A `*` on the
 * right takes the indices of the left in turn. A test holds these tables to what the engine's packing really does.
 */
export interface Place {
  /** Of the record: tells two PICs, four drives … apart. */
  readonly instance: number
  /** The indices of the field's path, in order. */
  readonly indices: readonly number[]
  /** Position of the PCI function with this number in the common format; −1 where there is none. */
  readonly functionAt: (devfn: number) => number
}
export type Rule = string | readonly string[] | ((place: Place) => readonly string[])
/** By path of the native field; `*` stands for every index. */
export type RecordRules = Readonly<Record<string, Rule>>

const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** Each field under its own name in camel case. */
export function sameNames(names: string, section: string, prefix = ''): RecordRules {
  return Object.fromEntries(names.split(' ').map((name) => [`${prefix}${name}`, `${section}.${camel(name)}`]))
}

const general: RecordRules = Object.fromEntries(
  'ax bx cx dx si di sp bp ip flags'.split(' ').map((name) => [`r${name}`, `cpu.e${name}`]),
)
export const control = sameNames('cr0 cr2 cr3 cr4', 'cpu')
const SEGMENTS = ['cs', 'ds', 'es', 'fs', 'gs', 'ss', 'tr', 'ldtr'] as const

function xenSegments(): RecordRules {
  const rules: Record<string, Rule> = {}
  for (const s of SEGMENTS) {
    rules[`${s}_sel`] = `cpu.${s}.selector`
    rules[`${s}_limit`] = `cpu.${s}.limit`
    rules[`${s}_base`] = `cpu.${s}.base`
    rules[`${s}_arbytes`] = [`cpu.${s}.access`, `cpu.${s}.unusable`, ...(s === 'ss' ? ['cpu.cpl'] : [])]
  }
  return rules
}

function kvmSegments(): RecordRules {
  const rules: Record<string, Rule> = {}
  for (const s of SEGMENTS) {
    const native = s === 'ldtr' ? 'ldt' : s
    for (const name of ['base', 'limit', 'selector', 'unusable']) rules[`${native}.${name}`] = `cpu.${s}.${name}`
    for (const part of ['type', 'present', 'dpl', 'db', 's', 'l', 'g', 'avl']) {
      rules[`${native}.${part}`] = s === 'ss' && part === 'dpl' ? 'cpu.cpl' : `cpu.${s}.access`
    }
  }
  return rules
}

export const pitChannel: RecordRules = {
  'channels[*].count': 'pit.channels[*].reload',
  'channels[*].latched_count': 'pit.channels[*].latchedCount',
  'channels[*].count_latched': 'pit.channels[*].latchedBytes',
  'channels[*].read_state': ['pit.channels[*].nextIsLow', 'pit.channels[*].accessMode'],
  'channels[*].write_state': ['pit.channels[*].nextIsLow', 'pit.channels[*].accessMode'],
  'channels[*].write_latch': ['pit.channels[*].reload', 'pit.channels[*].nextIsLow', 'pit.channels[*].accessMode'],
  'channels[*].rw_mode': 'pit.channels[*].accessMode',
  'channels[*].mode': 'pit.channels[*].mode',
  'channels[*].bcd': 'pit.channels[*].bcd',
  'channels[*].gate': 'pit.channels[*].gate',
}

function lapicPage(prefix: string): RecordRules {
  const names = 'id tpr esr icr_low icr_high lvt_timer lvt_thermal lvt_performance lvt_lint0 lvt_lint1 lvt_error'
  return {
    ...sameNames(`${names} timer_initial_count timer_current_count timer_divide`, 'lapic', prefix),
    ...Object.fromEntries(['isr', 'tmr', 'irr'].map((name) => [`${prefix}${name}[*]`, `lapic.${name}[*]`])),
    [`${prefix}ldr`]: 'lapic.logicalDestination',
    [`${prefix}dfr`]: 'lapic.destinationFormat',
    [`${prefix}svr`]: 'lapic.spurious',
    [`${prefix}esr`]: 'lapic.errorStatus',
    [`${prefix}ppr`]: () => ['lapic.tpr', ...Array.from({ length: 8 }, (_, i) => `lapic.isr[${i}]`)],
  }
}

export const pic = (names: Readonly<Record<string, string | readonly string[]>>): RecordRules =>
  Object.fromEntries(
    Object.entries(names).map(([native, common]) => [
      native,
      ({ instance }) => [common].flat().map((name) => `${instance === 0 ? 'picMaster' : 'picSlave'}.${name}`),
    ]),
  )

/** As KVM and QEMU have them. */
export const PIC_NAMES = {
  last_irr: 'lastIrr',
  irr: 'irr',
  imr: 'imr',
  isr: 'isr',
  priority_add: 'priorityAdd',
  irq_base: 'irqBase',
  read_reg_select: 'readIsr',
  poll: 'poll',
  special_mask: 'specialMask',
  init_state: 'initState',
  auto_eoi: 'autoEoi',
  rotate_on_auto_eoi: 'rotateOnAutoEoi',
  special_fully_nested_mode: 'specialFullyNested',
  init4: 'expectIcw4',
  elcr: 'elcr',
}

/** Of Xen's 48 pins the common format has the first 24; the others are masked. */
const PINS = 24
const pinOf =
  (name: string) =>
  ({ indices: [pin = PINS] }: Place): string[] =>
    pin < PINS ? [`ioapic.${name}[${pin}]`] : []

/** By name of the native record. */
export const XEN_RULES: Readonly<Record<string, RecordRules>> = {
  hvm_save_header: { gtsc_khz: 'cpu.tscKHz' },
  hvm_hw_cpu: {
    ...general,
    ...control,
    ...xenSegments(),
    ...sameNames('fcw fsw ftw fop fip fcs fdp fds mxcsr', 'fpu', 'fpu_regs.'),
    'fpu_regs.st[*]': 'fpu.st[*]',
    'fpu_regs.xmm[*]': 'fpu.xmm[*]',
    ...Object.fromEntries([0, 1, 2, 3].map((i) => [`dr${i}`, `cpu.dr[${i}]`])),
    ...sameNames('dr6 dr7 sysenter_cs sysenter_esp sysenter_eip tsc', 'cpu'),
    gdtr_base: 'cpu.gdtr.base',
    gdtr_limit: 'cpu.gdtr.limit',
    idtr_base: 'cpu.idtr.base',
    idtr_limit: 'cpu.idtr.limit',
    msr_efer: 'cpu.efer',
    pending_vector: 'events.nmiPending',
    pending_type: 'events.nmiPending',
    pending_valid: 'events.nmiPending',
  },
  hvm_hw_vpic: pic({
    irr: 'irr',
    imr: 'imr',
    isr: 'isr',
    irq_base: 'irqBase',
    init_state: ['initState', 'expectIcw4'],
    priority_add: 'priorityAdd',
    readsel_isr: 'readIsr',
    poll: 'poll',
    auto_eoi: 'autoEoi',
    rotate_on_auto_eoi: 'rotateOnAutoEoi',
    special_fully_nested_mode: 'specialFullyNested',
    special_mask_mode: 'specialMask',
    elcr: 'elcr',
    int_output: ['irr', 'imr', 'isr', 'priorityAdd', 'specialMask'],
  }),
  hvm_hw_vioapic: {
    ioregsel: 'ioapic.select',
    id: 'ioapic.id',
    'redirtbl[*].low': pinOf('redirectionLow'),
    'redirtbl[*].high': pinOf('redirectionHigh'),
  },
  hvm_hw_lapic: {
    apic_base_msr: 'cpu.apicBase',
    disabled: ['cpu.apicBase', 'lapic.spurious'],
    timer_divisor: 'lapic.timerDivide',
  },
  hvm_hw_lapic_regs: lapicPage('data.'),
  hvm_hw_isa_irqs: { i: ['picMaster.lastIrr', 'picSlave.lastIrr'] },
  hvm_hw_pit: { ...pitChannel, speaker_data_on: 'pit.speaker' },
  hvm_hw_rtc: {
    cmos_data: ['rtc.cmos', 'rtc.registerA', 'rtc.registerB', 'rtc.registerC'],
    cmos_index: 'rtc.index',
    rtc_offset: 'rtc.timeMs',
  },
}

/** By name of the native record. */
export const KVM_RULES: Readonly<Record<string, RecordRules>> = {
  kvm_regs: general,
  kvm_sregs2: {
    ...kvmSegments(),
    ...control,
    'gdt.base': 'cpu.gdtr.base',
    'gdt.limit': 'cpu.gdtr.limit',
    'idt.base': 'cpu.idtr.base',
    'idt.limit': 'cpu.idtr.limit',
    cr8: 'lapic.tpr',
    efer: 'cpu.efer',
    apic_base: 'cpu.apicBase',
    flags: ['cpu.cr0', 'cpu.cr4'],
    'pdptrs[*]': 'cpu.pdpte[*]',
  },
  kvm_fpu: {
    'fpr[*]': 'fpu.st[*]',
    'xmm[*]': 'fpu.xmm[*]',
    ...sameNames('fcw fsw mxcsr', 'fpu'),
    ftwx: 'fpu.ftw',
    last_opcode: 'fpu.fop',
    last_ip: ['fpu.fip', 'fpu.fcs'],
    last_dp: ['fpu.fdp', 'fpu.fds'],
  },
  kvm_debugregs: { 'db[*]': 'cpu.dr[*]', ...sameNames('dr6 dr7', 'cpu') },
  kvm_msrs: {
    'entries[0].data': 'cpu.tsc',
    'entries[1].data': 'cpu.apicBase',
    'entries[2].data': 'cpu.sysenterCs',
    'entries[3].data': 'cpu.sysenterEsp',
    'entries[4].data': 'cpu.sysenterEip',
    'entries[6].data': 'cpu.efer',
  },
  kvm_vcpu_events: {
    'interrupt.shadow': 'events.interruptShadow',
    'nmi.pending': 'events.nmiPending',
    'nmi.masked': 'events.nmiMasked',
  },
  kvm_mp_state: { mp_state: 'events.halted' },
  kvm_lapic_state: lapicPage('regs.'),
  kvm_irqchip: {
    ...pic(Object.fromEntries(Object.entries(PIC_NAMES).map(([native, common]) => [`chip.pic.${native}`, common]))),
    'chip.ioapic.ioregsel': 'ioapic.select',
    'chip.ioapic.id': 'ioapic.id',
    'chip.ioapic.irr': 'ioapic.irr',
    'chip.ioapic.redirtbl[*].low': 'ioapic.redirectionLow[*]',
    'chip.ioapic.redirtbl[*].high': 'ioapic.redirectionHigh[*]',
  },
  kvm_pit_state2: {
    ...pitChannel,
    'channels[*].count_load_time': ['pit.channels[*].sinceStartNs', 'cpu.tsc', 'cpu.tscKHz'],
    flags: 'pit.speaker',
  },
  kvm_clock_data: { clock: ['cpu.tsc', 'cpu.tscKHz'] },
  'cpu/tsc_khz': { tsc_khz: 'cpu.tscKHz' },
  mc146818rtc: {
    cmos_data: ['rtc.cmos', 'rtc.registerA', 'rtc.registerB', 'rtc.registerC'],
    cmos_index: 'rtc.index',
    periodic_timer: 'rtc.periodicInNs',
    next_periodic_time: 'rtc.periodicInNs',
    period: ['rtc.registerA', 'rtc.registerB'],
    base_rtc: 'rtc.timeMs',
    offset: 'rtc.timeMs',
    update_timer: 'rtc.updateInNs',
    next_alarm_time: 'rtc.alarmInNs',
  },
}
