/** The same for the device model, whose records (QEMU's) stand on both sides. */
import type { Place, RecordRules, Rule } from './state-rules.ts'

/** `names`: native field and field of the common format, alternating. */
function pairs(names: string, place: (name: string) => Rule): RecordRules {
  const words = names.trim().split(/\s+/)
  const rules: Record<string, Rule> = {}
  for (let i = 0; i < words.length; i += 2) rules[words[i] ?? ''] = place(words[i + 1] ?? '')
  return rules
}

const inSection = (section: string, names: string): RecordRules => pairs(names, (name) => `${section}.${name}`)

const drive = ({ instance }: Place): string => `ide.channels[${instance >> 1}].drives[${instance & 1}]`
const ofDrive =
  (...names: string[]) =>
  (place: Place): string[] =>
    names.map((name) => `${drive(place)}.${name}`)
const ofChannel =
  (name: string) =>
  ({ instance }: Place): string[] => [`ide.channels[${instance}].${name}`]

/** Each of the two controllers has four of the eight channels. */
const ofDma =
  (...names: string[]) =>
  ({ instance, indices }: Place): string[] =>
    names.map((name) => `dma.channels[${4 * instance + (indices[0] ?? 0)}].${name}`)

/** The disk controller is a function of its own in our machine, and one of the ISA bridge in QEMU's. */
const DISK_CONTROLLER = { ours: 0x1e << 3, qemu: 0x09 } as const

const ofFunction =
  (name: string) =>
  ({ instance, functionAt }: Place): string[] => {
    const same = functionAt(instance)
    const at = same === -1 && instance === DISK_CONTROLLER.qemu ? functionAt(DISK_CONTROLLER.ours) : same
    return at === -1 ? [] : [`pci.functions[${at}].${name}`]
  }

const queue = (name: string): RecordRules => ({
  'common.wptr': `keyboard.${name}Length`,
  'common.count': `keyboard.${name}Length`,
  'common.data': `keyboard.${name}`,
})
const keyboard = (...names: string[]): string[] => names.map((name) => `keyboard.${name}`)

export const DEVICE_RULES: Readonly<Record<string, RecordRules>> = {
  serial: {
    ...inSection('serial', 'divider divisor ier ier iir iir lcr lcr mcr mcr lsr lsr msr msr scr scr fcr fcr'),
    rbr: ['serial.rx', 'serial.rxLength'],
  },
  'serial/recv_fifo': { data: 'serial.rx', num: 'serial.rxLength' },
  'serial/thr_ipending': { thr_ipending: 'serial.pending' },
  'serial/timeout_ipending': { timeout_ipending: 'serial.pending' },
  pckbd: {
    write_cmd: keyboard('expectCommandByte', 'expectOutputPort', 'expectKeyboardOutput', 'expectMouseCommand'),
    status: keyboard('outputFull', 'outputFromMouse'),
    pending: keyboard('outputFull', 'outputFromMouse'),
    mode: 'keyboard.commandByte',
  },
  pckbd_outport: { outport: 'keyboard.outputPort' },
  'pckbd/extended_state': {
    obdata: 'keyboard.lastData',
    obsrc: keyboard('outputFull', 'outputFromMouse'),
  },
  ps2kbd: {
    ...queue('keyboardQueue'),
    'common.write_cmd': keyboard('expectLeds', 'expectScanCodeSet', 'expectTypematic'),
    scan_enabled: 'keyboard.keyboardEnabled',
    translate: 'keyboard.commandByte',
  },
  ps2mouse: {
    ...queue('mouseQueue'),
    'common.write_cmd': keyboard('expectSampleRate', 'expectResolution'),
    mouse_status: keyboard('scaling2', 'mouseReporting'),
    ...inSection(
      'keyboard',
      `mouse_resolution resolution mouse_sample_rate sampleRate mouse_type mouseId mouse_detect_state mouseDetect
       mouse_dx mouseDx mouse_dy mouseDy mouse_dz wheel mouse_buttons mouseButtons`,
    ),
  },
  ide_bus: { cmd: ofChannel('control'), unit: ofChannel('unit') },
  'ide bmdma': {
    cmd: ofChannel('busMasterCommand'),
    status: ofChannel('busMasterStatus'),
    addr: ofChannel('prdTable'),
  },
  ide_drive: {
    mult_sectors: ofDrive('multipleSectors'),
    identify_set: ofDrive('present'),
    identify_data: ofDrive('atapi', 'cylinders', 'heads', 'sectorsPerTrack', 'sectors', 'sectorSize'),
    feature: ofDrive('feature'),
    hob_feature: ofDrive('feature'),
    error: ofDrive('error'),
    nsector: ofDrive('sectorCount'),
    hob_nsector: ofDrive('sectorCount'),
    sector: ofDrive('lbaLow'),
    hob_sector: ofDrive('lbaLow'),
    lcyl: ofDrive('lbaMid'),
    hob_lcyl: ofDrive('lbaMid'),
    hcyl: ofDrive('lbaHigh'),
    hob_hcyl: ofDrive('lbaHigh'),
    select: ofDrive('device'),
    status: ofDrive('status'),
  },
  'ide_drive/pio_state': {
    cur_io_buffer_offset: ofDrive('dataPosition'),
    cur_io_buffer_len: ofDrive('dataEnd', 'dataPosition'),
    elementary_transfer_size: ofDrive('dataLength'),
  },
  vga: {
    ...inSection(
      'vga',
      `latch latch sr_index sequencerIndex sr sequencer gr_index graphicsIndex gr graphics ar_index attributeIndex
       ar attribute ar_flip_flop attributeFlipFlop cr_index crtcIndex cr crtc msr miscOutput st01 status1
       dac_state dacState dac_read_index dacReadIndex dac_write_index dacWriteIndex palette palette
       bank_offset vbeBank vbe_index vbeIndex vbe_regs[1] vbeWidth vbe_regs[2] vbeHeight vbe_regs[3] vbeBpp
       vbe_regs[4] vbeEnable vbe_regs[5] vbeBank vbe_regs[6] vbeWidth vbe_regs[7] vbeHeight vbe_regs[8] vbeOffsetX
       vbe_regs[9] vbeOffsetY`,
    ),
    vbe_start_addr: ['vga.vbeOffsetX', 'vga.vbeOffsetY', 'vga.vbeWidth', 'vga.vbeBpp'],
    vbe_line_offset: ['vga.vbeWidth', 'vga.vbeBpp'],
    dac_sub_index: ['vga.dacState', 'vga.dacReadIndex', 'vga.dacWriteIndex'],
  },
  ne2000: inSection(
    'nic',
    `rxcr receiveConfig cmd command start pageStart stop pageStop boundary boundary tsr transmitStatus
     tpsr transmitPage tcnt transmitCount rcnt remoteCount rsar remoteAddress isr interruptStatus dcfg dataConfig
     imr interruptMask phys mac curpag current mult multicast`,
  ),
  PCIHost: { config_reg: 'pci.address' },
  PCIDevice: { config: ofFunction('config'), 'irq_state[*]': ofFunction('intx') },
  dma: {
    mask: ({ instance }) => [0, 1, 2, 3].map((i) => `dma.channels[${4 * instance + i}].masked`),
    flip_flop: 'dma.flipFlop',
    'regs[*].now[0]': ofDma('address'),
    'regs[*].now[1]': ofDma('count', 'countInit'),
    'regs[*].base[0]': ofDma('addressInit'),
    'regs[*].base[1]': ofDma('countInit'),
    'regs[*].mode': ofDma('mode'),
    'regs[*].page': ofDma('page'),
    'regs[*].pageh': ofDma('pageHigh'),
  },
  port92: { outport: 'board.port92' },
}
